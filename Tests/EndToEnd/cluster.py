"""Starts real clusters on loopback; writes numbered lines, samples and increments to all nodes and
finds every acknowledged one again, once."""

import json
import os
import re
import signal
import subprocess
import threading
import time

from conftest import BINARY, Server, free_port, until


class Node(Server):
    """One member; its ports and its directory stay the same over restarts."""

    def __init__(self, root, name, zone, *flags, host=None):
        """`host`: of a network of its own, else it is on loopback."""
        os.makedirs(root, exist_ok=True)
        self.name, self.zone, self.host = name, zone, host
        if host:
            self.address = host.address
        self.peer_port = free_port()
        self.binary = BINARY
        super().__init__(os.path.join(root, "data"), *flags)

    @property
    def peer_address(self):
        return f"{self.address}:{self.peer_port}"

    def launch(self, *way):
        """Starts the process without waiting for anything."""
        command = [
            *(self.host.runner if self.host else []), self.binary, "serve",
            "--data", self.directory,
            "--http", f"{self.address}:{self.http_port}",
            "--statsd", f"{self.address}:{self.statsd_port}",
            "--syslog", f"{self.address}:{self.syslog_port}",
            "--peers", self.peer_address, *self.flags,
        ]
        if self.name:
            command += ["--node-name", self.name]
        if self.zone:
            command += ["--zone", self.zone]
        self.process = subprocess.Popen(
            [*command, *way], stdout=self.log, stderr=self.log,
            env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
        return self

    def start(self, *way):
        self.launch(*way)
        until(self.is_ready, seconds=30, what=f"{self.name} ready")
        return self

    def whole_log(self):
        return "\n".join(self.log_lines())

    def status(self):
        return self.get("/api/v1/cluster/status")["data"]

    def member(self, name):
        return next((one for one in self.status()["members"] if one["name"] == name), None)

    def wait_drained(self, name, seconds=60):
        """Waits until a member has no replicas any more."""
        try:
            until(lambda: self.member(name)["replicas"] == 0, seconds, f"{name} is drained")
        except AssertionError as error:
            raise AssertionError(self.cli("cluster", "status").stdout) from error

    def wait_level(self, seconds=60):
        """Until no shard's replicas lag behind its leader. What leaders say of that is up to a second
        old: nothing else must be heard for longer."""
        since = time.monotonic()

        def is_level():
            nonlocal since
            if any(one["lagEntries"] for one in self.status()["shards"]):
                since = time.monotonic()
            return time.monotonic() - since > 3

        until(is_level, seconds=seconds, what="all replicas at the same entry")

    def wait_healthy(self, members, seconds=60):
        done = self.cli(
            "cluster", "wait", "healthy", "--members", str(members), "--timeout", f"{seconds}s",
            timeout=seconds + 30)
        assert done.returncode == 0, done.stderr + self.cli("cluster", "status").stdout


class Cluster:
    """Nodes a, b, c … in zones of the same names."""

    def __init__(self, root, shards, *flags, network=None, binary=BINARY):
        self.network = network
        self.binary = binary
        self.root, self.flags = str(root), ("--shards", str(shards), *flags)
        self.nodes = []
        self.all = []

    def node(self, name, zone="", *flags):
        """A node that is not started; `zone`: that of the name when it is empty, None for none."""
        where = os.path.join(self.root, f"{name}-{len(self.all)}")
        host = self.network.host() if self.network else None
        made = Node(
            where, name, name if zone == "" else zone, *self.flags, *flags, host=host)
        made.binary = self.binary
        self.all.append(made)
        return made

    @property
    def seeds(self):
        return ("--join", ",".join(one.peer_address for one in self.nodes))

    def add(self, name, *way):
        node = self.node(name)
        seeds = self.seeds
        self.nodes.append(node)
        return node.start(*(way or seeds))

    def form(self, count):
        self.add("a", "--cluster-init")
        for name in "bcdefg"[:count - 1]:
            self.add(name)
        self.nodes[0].wait_healthy(count)
        return self

    def leader_of_most(self):
        members = self.nodes[0].status()["members"]
        name = max(members, key=lambda one: one["leaders"])["name"]
        return next(node for node in self.nodes if node.name == name)

    def __iter__(self):
        return iter(self.nodes)

    def __getitem__(self, index):
        return self.nodes[index]

    def end(self):
        for node in self.all:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
                node.kill()
            node.log.close()


class Workers:
    """Threads that work while a test goes on; `self.is_over` ends them."""

    def __init__(self, bodies):
        self.is_over = threading.Event()
        self.threads = [
            threading.Thread(target=body, args=(number,)) for body, number in bodies]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


class Generator(Workers):
    """Threads that each write lines and samples with numbers of their own, to one node after the
    other, and remember what was acknowledged. A write without an answer is not sent again: it may
    be there, once, or not at all."""

    def __init__(self, nodes, name="w", workers=3):
        self.nodes, self.name = list(nodes), name
        self.away = set()
        # Nodes that stand still: how long these take says nothing of the others.
        self.excused = set()
        self.lines, self.samples = set(), set()
        self.errors = []
        self.longest_seconds = 0.0
        self.base_millis = int(time.time() * 1000) - 600_000
        super().__init__([(self.work, number) for number in range(workers)])

    def work(self, worker):
        number = 0
        last = time.monotonic()
        while not self.is_over.wait(0.01):
            node = self.nodes[(worker + number) % len(self.nodes)]
            number += 1
            if node in self.away:
                continue
            line = f"{self.name}{worker}/{number}"
            body = json.dumps({"streams": [{
                "stream": {"worker": f"{self.name}{worker}"}, "values": [[str(time.time_ns()), line]],
            }]}).encode()
            if self.send(node, "/loki/api/v1/push", body, "application/json"):
                self.lines.add(line)
            text = f'{self.name}_e2e{{worker="{worker}"}} {number} {self.base_millis + number}\n'
            if self.send(node, "/api/v1/import/prometheus", text.encode(), "text/plain"):
                self.samples.add((worker, number))
                now = time.monotonic()
                if node not in self.excused:
                    self.longest_seconds = max(self.longest_seconds, now - last)
                last = now
            elif node in self.excused:
                last = time.monotonic()

    def send(self, node, path, body, kind):
        try:
            status, answer = node.request("POST", path, body, {"Content-Type": kind})
        except OSError as error:
            self.errors.append(f"{node.name}: {error}")
            return False
        if status == 204:
            return True
        self.errors.append(f"{node.name}: {status} {answer[:200]}")
        return False

    def written(self, count):
        """Waits until so many more were acknowledged."""
        goal = len(self.lines) + count
        until(lambda: len(self.lines) >= goal, seconds=60, what=f"{count} more writes")

    def check(self, nodes):
        assert len(self.lines) > 50, self.errors[-3:]
        for node in nodes:
            found = []
            for worker in range(len(self.threads)):
                entries = node.lines(f'{{worker="{self.name}{worker}"}}', limit=500_000)
                found += [text for _, _, text in entries]
            assert len(found) == len(set(found)), f"{node.name} has lines twice"
            lost = self.lines - set(found)
            assert not lost, f"{node.name} lost {len(lost)} lines: {sorted(lost)[:5]}"
            answer = node.get("/api/v1/query", query=f"{self.name}_e2e[1h]")
            assert "warnings" not in answer, answer["warnings"]
            stamps = [
                (int(one["metric"]["worker"]), round(stamp * 1000) - self.base_millis, int(value))
                for one in answer["data"]["result"] for stamp, value in one["values"]
            ]
            assert all(stamp == value for _, stamp, value in stamps)
            seen = {(worker, value) for worker, _, value in stamps}
            assert len(seen) == len(stamps), f"{node.name} has samples twice"
            lost = self.samples - seen
            assert not lost, f"{node.name} lost {len(lost)} samples: {sorted(lost)[:5]}"


def one_line(text, pattern):
    """The one line of `text` that has the pattern."""
    lines = [line for line in text.splitlines() if re.search(pattern, line)]
    assert len(lines) == 1, f"{pattern!r}: {lines} of\n{text[-2000:]}"
    return lines[0]
