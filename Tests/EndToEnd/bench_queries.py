#!/usr/bin/env python3
"""The same samples in Debian's prometheus and in Varve, the same queries to both over HTTP, and what they
cost each: `bench_queries.py BINARY [query …]`. CPU time of the processes, parsing of the request and
writing of the answer included; what both hold is on disk and compacted. BENCH_SERIES: how many the long
metric has, 1000 without; BENCH_WIDE: how many the wide one, 200000 without."""

import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from loopback import cpu_seconds, free_port, until

SERIES = int(os.environ.get("BENCH_SERIES", "1000"))
WIDE = int(os.environ.get("BENCH_WIDE", "200000"))
END = int(time.time()) // 7200 * 7200 - 7200
DAY = END - 86_400
HOUR = END - 3_600
# CPU time comes in ticks of 10 ms: each query is asked until it is much more than that.
CPU_SECONDS_MIN = 1.0
RUNS_MIN = 5

# name: goal in ms or None, query, start, end, step
QUERIES = {
    "rate-day": (30, "sum by (job) (rate(m[5m]))", DAY, END, 60),
    "rate-hour": (40, "sum by (job) (rate(h[5m]))", HOUR, END, 15),
    "selector": (3, 'count(wide{app="app-77",zone!="c",host=~"host-1.*"})', END, END, 60),
    "max-day": (None, "max by (job) (max_over_time(m[5m]))", DAY, END, 60),
    "quantile-day": (None, "quantile by (job) (0.9, m)", DAY, END, 60),
    "points": (None, "m", DAY, END, 86),
}


def counters(name, count, start):
    """Lines of text of a counter a series each 10 s, in order of time; per moment one piece."""
    chance = random.Random(3)
    values = [0] * count
    labels = [f'{name}{{job="job-{one % 10}",instance="host-{one}"}}' for one in range(count)]
    # Some time before the first question: a window in which a counter begins is another one in 3.x.
    for at in range(start - 597, END, 10):
        for one in range(count):
            values[one] += chance.getrandbits(6)
        yield at, [f"{label} {value} " for label, value in zip(labels, values)]


def wide():
    return END - 60, [
        f'wide{{app="app-{one % 1000}",zone="{"abc"[one % 3]}",host="host-{one}"}} {one} '
        for one in range(WIDE)]


def moments():
    yield from counters("m", SERIES, DAY)
    yield from counters("h", 10 * SERIES, HOUR)
    yield wide()


class Process:
    def __init__(self, arguments, port):
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
        until(self.is_ready, 120, f"{arguments[0]} is ready")

    def is_ready(self):
        assert self.process.poll() is None, "it has ended"
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready").status == 200
        except OSError:
            return False

    def cpu_seconds(self):
        return cpu_seconds(self.process)

    def ask(self, query, start, end, step):
        form = urllib.parse.urlencode(
            {"query": query, "start": start, "end": end, "step": step, "time": end})
        way = "query" if start == end else "query_range"
        with urllib.request.urlopen(f"{self.url}/api/v1/{way}?{form}") as answer:
            return answer.read()

    def cost(self, *query):
        """Milliseconds of CPU a run, and the answer's bytes."""
        self.ask(*query)
        before, runs = self.cpu_seconds(), 0
        while runs < RUNS_MIN or self.cpu_seconds() - before < CPU_SECONDS_MIN:
            body = self.ask(*query)
            runs += 1
            if runs >= 2000:
                break
        return (self.cpu_seconds() - before) / runs * 1e3, body

    def end(self):
        self.process.terminate()
        self.process.wait()


def start_prometheus(root):
    programs = [shutil.which(name) for name in ("prometheus", "promtool")]
    if None in programs:
        return None
    path = os.path.join(root, "in.om")
    with open(path, "w", encoding="utf-8") as file:
        for at, lines in moments():
            file.writelines(f"{line}{at}\n" for line in lines)
        file.write("# EOF\n")
    subprocess.run(
        [programs[1], "tsdb", "create-blocks-from", "openmetrics", path, f"{root}/tsdb"],
        check=True, stdout=subprocess.DEVNULL)
    os.remove(path)
    with open(f"{root}/empty.yml", "w", encoding="utf-8") as file:
        file.write("{}\n")
    port = free_port()
    return Process(
        [programs[0], f"--config.file={root}/empty.yml", f"--storage.tsdb.path={root}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"], port)


def start_varve(root):
    port = free_port()
    made = Process(
        [BINARY, "serve", "--data", f"{root}/data", "--http", f"127.0.0.1:{port}",
         *(text for name in ("statsd", "syslog") for text in (f"--{name}", f"127.0.0.1:{free_port()}"))],
        port)
    pieces, size = [], 0

    def send():
        post(made, "/api/v1/import/prometheus", gzip.compress("".join(pieces).encode(), 1),
             {"Content-Encoding": "gzip"})

    for at, lines in moments():
        pieces += [f"{line}{at}000\n" for line in lines]
        size += len(lines)
        if size >= 100_000:
            send()
            pieces, size = [], 0
    send()
    post(made, "/api/v1/admin/flush", b"", {})
    return made


def post(process, path, body, headers):
    request = urllib.request.Request(
        f"{process.url}{path}", data=body, method="POST", headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204


def numbers(body):
    """Of an answer: how many series and points, and their sum: both have to say the same."""
    result = json.loads(body)["data"]["result"]
    points = [value for one in result for value in one.get("values") or [one["value"]]]
    return len(result), len(points), sum(float(text) for _, text in points)


def main():
    wanted = sys.argv[2:] or list(QUERIES)
    root = tempfile.mkdtemp(prefix="varve-bench-")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        theirs = start_prometheus(root)
        if theirs:
            stack.callback(theirs.end)
        ours = start_varve(root)
        stack.callback(ours.end)
        print(f"{'query over HTTP, ms of CPU':<28}{'goal':>7}{'varve':>9}{'prometheus':>12}{'ratio':>8}")
        is_met = True
        for name in wanted:
            goal, *query = QUERIES[name]
            cost, body = ours.cost(*query)
            print(f"{name:<28}{goal or '-':>7}{cost:>9.1f}", end="")
            if theirs:
                their_cost, their_body = theirs.cost(*query)
                print(f"{their_cost:>12.1f}{their_cost / cost:>7.1f}×", end="")
                one, other = numbers(body), numbers(their_body)
                assert one[:2] == other[:2], (name, one, other)
                assert abs(one[2] - other[2]) <= 1e-9 * abs(other[2]), (name, one, other)
            print(f"   {len(body) / 1e6:.1f} MB", flush=True)
            is_met = is_met and (goal is None or cost <= goal)
    sys.exit(1 if "BENCH_STRICT" in os.environ and not is_met else 0)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
BINARY = sys.argv[1]
main()
