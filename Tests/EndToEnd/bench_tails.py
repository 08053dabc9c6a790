#!/usr/bin/env python3
"""How soon a line is on the screen of those who follow: `bench_tails.py BINARY`. A node with 1,000 live
tails, a third each over WebSocket (Loki's tail), as server-sent events and as our own stream; lines come
in by Loki's push, each when all tails have the one before. From the acknowledgement until a tail has the
line, over all tails that want it, and beside it from the sending on: lines are offered to tails before
they are acknowledged. The time this script needs to read 1,000 sockets is in both. BENCH_TAILS: how many."""

import http.client
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from loopback import ask, cpu_seconds, free_port, until

TAILS = int(os.environ.get("BENCH_TAILS", "1000"))
GOAL_MS = 100
APPS = 100
NUMBER = re.compile(rb"bench line (\d+) end")
# name: lines, whether each tail wants all of them or those of one app
LOADS = {
    "every tail wants every line": (60, True),
    "a line is for ten tails": (600, False),
}


class Tail:
    """One connection, which notes when a line is there."""

    def __init__(self, port, number, selector):
        self.carry = b""
        self.arrivals = []
        query = urllib.parse.urlencode({"query": selector})
        head, first = (
            (f"GET /loki/api/v1/tail?limit=0&{query} HTTP/1.1\r\nHost: varve\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", b" 101 "),
            (f"GET /api/v1/logs/events?{query} HTTP/1.1\r\nHost: varve\r\n\r\n", b":\n"),
            (f"GET /api/v1/logs/follow?{query} HTTP/1.1\r\nHost: varve\r\n\r\n", b"\r\n\r\n1\r\n\n"),
        )[number % 3]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(head.encode())
        answer = b""
        while first not in answer:
            piece = self.socket.recv(65536)
            assert piece, answer
            answer += piece
        self.socket.setblocking(False)

    def read(self, now):
        data = self.carry + self.socket.recv(1 << 20)
        end = 0
        for match in NUMBER.finditer(data):
            self.arrivals.append((int(match[1]), now))
            end = match.end()
        self.carry = data[max(end, len(data) - 64):]


def percentile(values, share):
    return sorted(values)[int((len(values) - 1) * share)] * 1_000


class Node:
    def __init__(self, root):
        self.port = free_port()
        others = [str(free_port()) for _ in range(3)]
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", os.path.join(root, "node"),
             "--http", f"127.0.0.1:{self.port}", "--statsd", f"127.0.0.1:{others[0]}",
             "--syslog", f"127.0.0.1:{others[1]}", "--peers", f"127.0.0.1:{others[2]}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: ask(self.port, "GET", "/ready")[0] == 200, what="a node that is ready")
        self.sender = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def push(self, app, line):
        """Returns when it was acknowledged."""
        body = json.dumps({"streams": [
            {"stream": {"app": app}, "values": [[str(time.time_ns()), line]]}]})
        self.sender.request(
            "POST", "/loki/api/v1/push", body=body, headers={"Content-Type": "application/json"})
        answer = self.sender.getresponse()
        answer.read()
        assert answer.status == 204, answer.status
        return time.monotonic()


def measure(node, name):
    count, wants_all = LOADS[name]
    selectors = ['{app=~"app-.+"} |= "bench"' if wants_all else f'{{app="app-{number % APPS}"}}'
                 for number in range(TAILS)]
    tails = [Tail(node.port, number, selector) for number, selector in enumerate(selectors)]
    poll = select.epoll()
    by_file = {tail.socket.fileno(): tail for tail in tails}
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    sent, acknowledged = {}, {}
    before = cpu_seconds(node.process)
    wanted = 0
    for number in range(count):
        sent[number] = time.monotonic()
        acknowledged[number] = node.push(f"app-{number % APPS}", f"bench line {number} end")
        # The next one when all have it.
        wanted += TAILS if wants_all else TAILS // APPS
        deadline = time.monotonic() + 30
        while sum(len(tail.arrivals) for tail in tails) < wanted and time.monotonic() < deadline:
            for file, _ in poll.poll(0.5):
                by_file[file].read(time.monotonic())
    spent = cpu_seconds(node.process) - before
    delays = [max(0.0, when - acknowledged[number])
              for tail in tails for number, when in tail.arrivals]
    since_sent = [when - sent[number] for tail in tails for number, when in tail.arrivals]
    for tail in tails:
        tail.socket.close()
    assert len(delays) == wanted, f"{len(delays)} of {wanted} lines came"
    p99 = percentile(delays, 0.99)
    print(f"{name + ', p99':<40}{GOAL_MS:>6} ms {p99:>9.1f} ms   since it was sent "
          f"{percentile(since_sent, 0.5):.1f}, p99 {percentile(since_sent, 0.99):.1f}; "
          f"{TAILS} tails, {spent / wanted * 1e6:.0f} µs of CPU a line and tail", flush=True)
    return p99 <= GOAL_MS


def main():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    root = tempfile.mkdtemp(prefix="varve-bench-")
    node = None
    try:
        node = Node(root)
        is_met = all([measure(node, name) for name in LOADS])
    finally:
        if node:
            node.process.kill()
            node.process.wait()
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if "BENCH_STRICT" in os.environ and not is_met else 0)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
BINARY = sys.argv[1]
main()
