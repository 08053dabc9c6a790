"""What was acknowledged is there: after kill -9, a full disk, a newer format."""

import json
import os
import random
import subprocess
import threading
import time

import pytest

from conftest import until

KILL_COUNT = int(os.environ.get("E2E_KILLS", "20"))


class Writer(threading.Thread):
    """Pushes numbered lines and samples over HTTP and remembers what was acknowledged."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.acknowledged, self.attempted = [], 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            count = self.attempted
            self.attempted += 1
            stamp = time.time_ns()
            lines = json.dumps({"streams": [{
                "stream": {"writer": str(self.number)},
                "values": [[str(stamp), f"writer {self.number} line {count}"]],
            }]}).encode()
            samples = f"written{{writer=\"{self.number}\"}} {count} {stamp // 10**6}\n".encode()
            try:
                status, _ = self.server.request(
                    "POST", "/loki/api/v1/push", lines, {"Content-Type": "application/json"})
                other, _ = self.server.request("POST", "/api/v1/import/prometheus", samples)
            except OSError:
                continue
            if status == 204 and other == 204:
                self.acknowledged.append((count, stamp // 10**6))


def test_kill_nine_loses_nothing_acknowledged(make_server):
    server = make_server()
    writers = [Writer(server, number) for number in range(4)]
    for writer in writers:
        writer.start()
    dice = random.Random(4711)
    increments = 0
    for round_number in range(KILL_COUNT):
        # Over TCP and after its flush a counter is durable: it must never be lost or doubled.
        server.statsd("kills.counted:7|c")
        increments += 7
        until(lambda: server.value("kills_counted") == increments, what=f"count {increments}")
        goal = sum(len(writer.acknowledged) for writer in writers) + dice.randrange(20, 200)
        until(lambda: sum(len(w.acknowledged) for w in writers) >= goal, what="writes")
        if round_number % 5 == 4:
            server.request("POST", "/api/v1/admin/flush", body=b"")
        server.kill()
        server.start()
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join()
    assert server.value("kills_counted", time=time.time()) == increments
    for writer in writers:
        found = [
            line for _, _, line in server.lines(f'{{writer="{writer.number}"}}', limit=0)]
        counts = {}
        for line in found:
            counts[line] = counts.get(line, 0) + 1
        for count, _ in writer.acknowledged:
            assert counts.get(f"writer {writer.number} line {count}") == 1
        answer = server.get(
            "/api/v1/query", query=f'written{{writer="{writer.number}"}}[1h]')
        samples = dict(
            (round(seconds * 1000), float(value))
            for seconds, value in answer["data"]["result"][0]["values"])
        for count, millis in writer.acknowledged:
            assert samples.get(millis) is not None
    assert sum(len(writer.acknowledged) for writer in writers) > 20 * KILL_COUNT


def test_restart_is_quick_on_an_empty_directory(make_server):
    server = make_server()
    assert server.stop() == 0
    started = time.monotonic()
    server.start()
    assert time.monotonic() - started < 2


def test_a_newer_data_directory_is_refused(make_server):
    server = make_server()
    server.stop()
    path = os.path.join(server.directory, "varve.format")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("format 1", "format 99"))
    result = server.cli("serve", "--data", server.directory, "--http", "127.0.0.1:0",
                        "--statsd", "off", "--syslog", "off")
    assert result.returncode == 2
    assert "newer" in result.stderr and result.stderr.count("\n") == 1


def test_two_servers_do_not_share_a_directory(server):
    result = server.cli("serve", "--data", server.directory, "--http", "127.0.0.1:0",
                        "--statsd", "off", "--syslog", "off")
    assert result.returncode == 2 and result.stderr.count("\n") == 1


def test_a_full_disk_refuses_writes_and_recovers(make_server, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(mount)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        server = make_server(directory=mount / "data")
        body = b"before 1\n"
        assert server.request("POST", "/api/v1/import/prometheus", body)[0] == 204
        ballast = mount / "ballast"
        with open(ballast, "wb") as file:
            try:
                while True:
                    file.write(os.urandom(1 << 20))
                    file.flush()
            except OSError:
                pass
        acknowledged, refused = [], None
        for number in range(2000):
            lines = [[str(time.time_ns()), f"{number} " + os.urandom(60_000).hex()]]
            payload = json.dumps({"streams": [{"stream": {"a": "b"}, "values": lines}]}).encode()
            status, answer = server.request(
                "POST", "/loki/api/v1/push", payload, {"Content-Type": "application/json"})
            if status == 204:
                acknowledged.append(number)
            else:
                refused = (status, json.loads(answer)["error"])
                break
        assert refused and refused[0] == 503 and "disk" in refused[1], refused
        assert server.value("before") == 1
        os.remove(ballast)
        until(lambda: server.request("POST", "/api/v1/import/prometheus", b"after 1\n")[0] == 204,
              what="writes are taken again")
        found = server.lines('{a="b"}', limit=0)
        assert {int(line.split()[0]) for _, _, line in found} >= set(acknowledged)
        server.kill()
        server.start()
        found = server.lines('{a="b"}', limit=0)
        assert {int(line.split()[0]) for _, _, line in found} >= set(acknowledged)
        server.kill()
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)
