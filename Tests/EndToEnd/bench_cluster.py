#!/usr/bin/env python3
"""Measures a cluster of three real nodes on loopback: `bench_cluster.py BINARY [name …]` runs the
measures whose names start with one of the names, all without. Prints figure, goal and whether it is
reached; leaves with 1 when a goal is missed and BENCH_STRICT is set. BENCH_GROUPS: how many groups,
1000 without; BENCH_MIB: how much is sealed before a node is wiped, 1024 without."""

import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from loopback import ask, cpu_seconds, free_port, until

GROUPS = int(os.environ.get("BENCH_GROUPS", "1000"))
SEALED_MIB = int(os.environ.get("BENCH_MIB", "1024"))
NAMES = "abc"


class Node:
    """One process; ports and directory stay the same over restarts."""

    def __init__(self, root, name, groups):
        self.name, self.groups = name, groups
        self.directory = os.path.join(root, name)
        self.http, self.statsd, self.syslog, self.peers = (free_port() for _ in range(4))
        self.log = open(os.path.join(root, f"{name}.log"), "ab")
        self.process = None

    def start(self, *way):
        self.process = subprocess.Popen(
            [
                BINARY, "serve", "--data", self.directory, "--shards", str(self.groups),
                "--node-name", self.name, "--zone", self.name,
                "--http", f"127.0.0.1:{self.http}", "--statsd", f"127.0.0.1:{self.statsd}",
                "--syslog", f"127.0.0.1:{self.syslog}", "--peers", f"127.0.0.1:{self.peers}",
                *way,
            ],
            stdout=self.log, stderr=self.log, env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def request(self, method, path, body=None, timeout=60):
        """Status and body; 0 when nobody answers."""
        return ask(self.http, method, path, body, timeout)

    def status(self):
        status, body = self.request("GET", "/api/v1/cluster/status")
        return json.loads(body)["data"] if status == 200 else None

    def cpu_seconds(self):
        """User and system time of the process."""
        return cpu_seconds(self.process)

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            line = next(one for one in file if one.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def figure(self, name):
        """The sum of a figure over its labels."""
        _, body = self.request("GET", "/metrics")
        lines = [one for one in body.decode().splitlines() if one.split("{")[0].split(" ")[0] == name]
        return sum(float(one.rpartition(" ")[2]) for one in lines)


class Cluster:
    def __init__(self, root, groups):
        self.groups = groups
        self.nodes = [Node(root, name, groups) for name in NAMES]

    @property
    def seeds(self):
        return ("--join", ",".join(f"127.0.0.1:{one.peers}" for one in self.nodes))

    def form(self, seconds=600):
        """How long it takes until three nodes hold all groups, three times each."""
        start = time.monotonic()
        self.nodes[0].start("--cluster-init")
        for node in self.nodes[1:]:
            node.start(*self.seeds)
        self.wait_whole(seconds)
        return time.monotonic() - start

    def is_whole(self):
        status = self.nodes[0].status()
        return (
            status is not None and status["healthy"]
            and len(status["members"]) == 3
            and all(len(one["voters"]) == 3 for one in status["shards"]))

    def wait_whole(self, seconds):
        until(self.is_whole, seconds, f"{self.groups} groups on three nodes")

    def wait_at_rest(self):
        """Leaders are spread, too."""
        def is_even():
            counts = [one["leaders"] for one in self.nodes[0].status()["members"]]
            return max(counts) - min(counts) <= max(1, self.groups // 20)
        until(is_even, 120, "leaders are even")

    def start_all(self):
        for node in self.nodes:
            node.start(*self.seeds)

    def end(self):
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.kill()
            node.log.close()


class Writes:
    """Batches that go to every group."""

    def __init__(self, groups):
        # Of n groups, each is met by one of 12 n series but with a chance of 1 in 100,000.
        self.count = 12 * groups
        self.number = 0

    def body(self):
        self.number += 1
        stamp = int(time.time() * 1000)
        return "".join(
            f'bench{{s="{one}"}} {self.number} {stamp}\n' for one in range(self.count)).encode()

    def once(self, node, timeout=30):
        """Whether all groups took it."""
        status, _ = node.request("POST", "/api/v1/import/prometheus", self.body(), timeout)
        return status == 204


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, reached, unit, goal=None, higher=False, note=""):
        met = goal is None or (reached >= goal if higher else reached <= goal)
        self.rows.append((name, goal, reached, unit, met, note))
        print(self.line(self.rows[-1]), flush=True)

    @staticmethod
    def line(row):
        name, goal, reached, unit, met, note = row
        wanted = "-" if goal is None else f"{goal:g}"
        return f"{name:58} {wanted:>6} {reached:>9.3g} {unit:12} {'ok' if met else 'MISSED':7} {note}"

    @property
    def is_met(self):
        return all(row[4] for row in self.rows)


def small_formation(root, table):
    """Sixteen groups: what a first start looks like."""
    cluster = Cluster(root, 16)
    try:
        table.add("formation of 16 groups on three nodes", cluster.form(120), "s", 6)
    finally:
        cluster.end()


def many_groups(root, table):
    """Formation, idle, cold start and the loss of a node with many groups."""
    cluster = Cluster(root, GROUPS)
    writes = Writes(GROUPS)
    try:
        seconds = cluster.form()
        table.add(f"formation of {GROUPS} groups on three nodes", seconds, "s", 60)
        cluster.wait_at_rest()
        if not writes.once(cluster.nodes[0], 60):
            raise RuntimeError("a write to all groups was refused")
        measure_idle(cluster, table)
        measure_cold_start(cluster, table, writes)
        time.sleep(10)
        measure_loss(cluster, table, writes)
    finally:
        cluster.end()


def measure_idle(cluster, table, seconds=30):
    time.sleep(15)
    before = [one.cpu_seconds() for one in cluster.nodes]
    time.sleep(seconds)
    used = [one.cpu_seconds() - start for one, start in zip(cluster.nodes, before)]
    shares = [100 * one / seconds for one in used]
    table.add(
        f"{cluster.groups} quiet groups, the busiest of three nodes", max(shares), "% of a core", 1,
        note=" ".join(f"{one:.2f}" for one in shares))
    resident = [one.resident_mib() for one in cluster.nodes]
    table.add(
        f"memory of a node with {cluster.groups} quiet groups", max(resident), "MiB",
        note=" ".join(f"{one:.0f}" for one in resident))


def measure_cold_start(cluster, table, writes):
    for node in cluster.nodes:
        node.kill()
    start = time.monotonic()
    cluster.start_all()
    until(lambda: writes.once(cluster.nodes[0]), 120, "a write after a cold start")
    table.add(
        f"cold start after kill -9: {cluster.groups} groups take writes",
        time.monotonic() - start, "s", 2)


def measure_loss(cluster, table, writes):
    def taken():
        """How long a write to all groups takes."""
        start = time.monotonic()
        until(lambda: writes.once(cluster.nodes[1]), 60, "a write")
        return time.monotonic() - start
    usual = min(taken() for _ in range(3))
    worst = []
    for victim in (0, 2):
        cluster.wait_whole(120)
        time.sleep(5)
        cluster.nodes[victim].kill()
        worst.append(taken())
        cluster.nodes[victim].start(*cluster.seeds)
    table.add(
        f"node lost by kill -9: {cluster.groups} groups take writes again", max(worst), "s", 3,
        note=" ".join(f"{one:.2f}" for one in worst) + f", {usual:.2f} without a loss")


def log_body(generator, byte_count, stamp):
    """A push of lines that no compressor makes small."""
    lines = []
    size = 0
    while size < byte_count:
        line = generator.randbytes(150).hex()
        lines.append([str(stamp + len(lines)), line])
        size += len(line) + 8
    stream = {"app": f"bench{generator.randrange(64)}"}
    return json.dumps({"streams": [{"stream": stream, "values": lines}]}).encode()


def three_voters(root, table):
    """Batches of 64 KiB, each synced by a majority: CPU of the three processes together, from the
    request on."""
    cluster = Cluster(root, 16)
    try:
        cluster.form(120)
        time.sleep(3)
        push_load(cluster.nodes, table, "three voters: pushed, replicated and applied", None)
    finally:
        cluster.end()


def push_load(nodes, table, name, goal, total_mib=128):
    generator = random.Random(7)
    bodies = [log_body(generator, 64 << 10, time.time_ns()) for _ in range(64)]
    count = (total_mib << 20) // (64 << 10)
    before = [one.cpu_seconds() for one in nodes]
    start = time.monotonic()

    def work(worker):
        connection = http.client.HTTPConnection("127.0.0.1", nodes[0].http, timeout=60)
        for number in range(worker, count, 4):
            connection.request(
                "POST", "/loki/api/v1/push", bodies[number % len(bodies)],
                {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 204:
                raise RuntimeError(f"a push was answered {answer.status}")
    threads = [threading.Thread(target=work, args=(one,)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    used = sum(one.cpu_seconds() - cpu for one, cpu in zip(nodes, before))
    table.add(
        name, 1000 * used / total_mib, "CPU ms/MiB", goal,
        note=f"{total_mib / seconds:.0f} MiB/s, parsing and applying included")


def reseed(root, table):
    """A node that lost its disk gets everything again."""
    cluster = Cluster(root, 16)
    try:
        cluster.form(120)
        fill(cluster)
        victim = cluster.nodes[2]
        victim.kill()
        shutil.rmtree(victim.directory)
        start = time.monotonic()
        victim.start(*cluster.seeds)
        cluster.wait_whole(600)
        seconds = time.monotonic() - start
        received = victim.figure("varve_image_received_bytes_total")
        table.add(
            "a wiped node is whole again: images received", received / 1e6 / seconds, "MB/s", 200,
            higher=True, note=f"{received / (1 << 20):.0f} MiB in {seconds:.1f} s, all included")
    finally:
        cluster.end()


def fill(cluster):
    """Sealed segments of so many MiB on every node."""
    generator = random.Random(11)
    sent = 0
    connection = http.client.HTTPConnection("127.0.0.1", cluster.nodes[0].http, timeout=120)
    # Of hexadecimal digits about half is left when they are compressed.
    while sent < 2 * SEALED_MIB << 20:
        body = log_body(generator, 4 << 20, time.time_ns())
        connection.request(
            "POST", "/loki/api/v1/push", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 204:
            sent += len(body)
        else:
            time.sleep(0.2)
    for node in cluster.nodes:
        # A group whose leader changes meanwhile is flushed by the next attempt.
        until(
            lambda: node.request("POST", "/api/v1/admin/flush", b"", 600)[0] == 204, 300,
            f"{node.name} is flushed")


MEASURES = {
    "formation": small_formation, "groups": many_groups, "voters": three_voters,
    "reseed": reseed,
}


def main():
    wanted = sys.argv[2:]
    table = Table()
    for name, measure in MEASURES.items():
        if wanted and not any(name.startswith(one) for one in wanted):
            continue
        root = tempfile.mkdtemp(prefix="varve-bench-")
        try:
            measure(root, table)
            shutil.rmtree(root)
        except (RuntimeError, AssertionError) as error:
            print(f"{name}: {error}; what the nodes said is in {root}", flush=True)
            table.add(name, float("nan"), "-", 0)
    sys.exit(1 if "BENCH_STRICT" in os.environ and not table.is_met else 0)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
BINARY = sys.argv[1]
main()
