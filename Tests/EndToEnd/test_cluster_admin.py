"""Settings of a running cluster, upgrades zone by zone, disks that are full."""

import json
import os
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster import Generator
from conftest import BINARY, BINARY_BEFORE, until


@pytest.fixture
def cluster(make_cluster):
    return make_cluster().form(3)


def settings(node):
    return {one["name"]: one["value"] for one in node.get("/api/v1/cluster/settings")["data"]}


def push(node, stream, age_seconds=0):
    stamp = str(time.time_ns() - age_seconds * 1_000_000_000)
    body = json.dumps(
        {"streams": [{"stream": stream, "values": [[stamp, "a line"]]}]}).encode()
    return node.request(
        "POST", "/loki/api/v1/push", body, {"Content-Type": "application/json"})


def test_settings_change_on_all_nodes_without_a_restart(cluster):
    a, b, c = cluster
    assert settings(b)["retention"] == "400d"
    assert push(b, {"age": "1"}, age_seconds=7200)[0] == 204
    assert a.cli("cluster", "set", "retention", "1h").returncode == 0
    for node in cluster:
        until(lambda node=node: settings(node)["retention"] == "1h", what=f"{node.name} has it")
        until(
            lambda node=node: push(node, {"age": node.name}, age_seconds=7200)[0] == 400,
            what=f"{node.name} refuses what is too old")
    shown = c.cli("cluster", "settings")
    assert shown.returncode == 0 and "retention" in shown.stdout and "1h" in shown.stdout

    refused = b.cli("cluster", "set", "retention", "soon")
    assert refused.returncode == 2 and "at least 1s, or off" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    unknown = b.cli("cluster", "set", "shards", "9")
    assert unknown.returncode == 2 and "there are retention, future-max" in unknown.stderr
    status, _ = b.request("PUT", "/api/v1/cluster/settings", name="future-max", value="1m")
    assert status == 200
    until(lambda: settings(c)["future-max"] == "1m")

    # A flag that says otherwise does not count, and that is said once.
    c.stop()
    c.start("--retention", "9d")
    assert settings(c)["retention"] == "1h"
    assert push(c, {"age": "c"}, age_seconds=7200)[0] == 400
    assert c.whole_log().count("this node's retention does not count") == 1


def test_limits_change_in_every_shard_and_outlive_a_crash(make_cluster):
    cluster = make_cluster(1).form(3)
    a, b, c = cluster
    for number in range(5):
        assert push(b, {"n": str(number)})[0] == 204
    assert b.cli("cluster", "set", "streams-max", "6").returncode == 0

    def is_limited(node, first):
        """Whether a sixth and a seventh stream are more than there may be."""
        return any(push(node, {"n": f"{first}-{number}"})[0] == 400 for number in range(2))

    until(lambda: is_limited(a, f"x{time.time_ns()}"), what="the limit is there")
    a.flush()
    for node in cluster:
        node.kill()
    for node in cluster:
        node.launch()
    for node in cluster:
        until(node.is_ready, seconds=30)
    a.wait_healthy(3)
    for node in cluster:
        assert is_limited(node, node.name), "it is forgotten"
        assert push(node, {"n": "1"})[0] == 204
    assert c.cli("cluster", "set", "streams-max", "9").returncode == 0
    until(lambda: not is_limited(a, "y"), what="the limit is gone")


def test_an_upgrade_goes_zone_by_zone(make_cluster):
    """What docs/operating/cluster.md says to do, under load: each zone to the new binary, the first
    one also back and forth, as long as a way back is open."""
    cluster = make_cluster(binary=BINARY_BEFORE).form(3)
    a = cluster[0]
    steps = [(a, BINARY), (a, BINARY_BEFORE), (a, BINARY)]
    steps += [(node, BINARY) for node in cluster.nodes[1:]]
    with Generator(cluster) as generator:
        for node, binary in steps:
            generator.written(30)
            restart(cluster, node, binary, generator)
        a.wait_healthy(3)
        generator.written(30)
    generator.check(cluster)
    assert generator.longest_seconds < 5, generator.errors
    done = a.cli("cluster", "feature-level")
    assert done.returncode == 0, done.stderr
    done = a.cli("cluster", "feature-level", "9")
    assert done.returncode == 2 and "is more than some members have" in done.stderr
    with Generator(cluster, name="after") as generator:
        generator.written(60)
    generator.check(cluster)


def test_an_upgrade_check_that_waits_says_what_ended_its_waiting():
    answers = [["without a leader: shard 2"], [], ["without a leader: shard 2"]]
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            obstacles = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            body = json.dumps(
                {"status": "success", "data": [{"place": "zone a", "obstacles": obstacles}]})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        done = subprocess.run(
            [BINARY, "cluster", "upgrade-check", "--zone", "a", "--wait", "--addr",
             f"http://127.0.0.1:{http.server_address[1]}"],
            capture_output=True, text=True, timeout=60)
        http.shutdown()
    assert (done.returncode, done.stdout, done.stderr) == (0, "zone a: may be restarted\n", "")
    assert len(asked) == 2


def restart(cluster, node, binary, generator):
    """One zone's part of an upgrade, and that the other zones must wait for it."""
    asked = next(other for other in cluster if other is not node)
    check = asked.cli(
        "cluster", "upgrade-check", "--zone", node.zone, "--wait", "--timeout", "60s", timeout=90)
    assert check.returncode == 0, check.stderr
    assert f"zone {node.zone}: may be restarted" in check.stdout
    generator.away.add(node)
    assert node.stop() == 0
    for other in cluster:
        if other is not node and other is not asked:
            early = asked.cli("cluster", "upgrade-check", "--zone", other.zone)
            assert early.returncode == 1, early.stdout
            assert "would lose the majority" in early.stdout
    late = asked.cli("cluster", "upgrade-check", "--zone", node.zone, "--wait", "--timeout", "1s")
    assert late.returncode == 1 and "not after 1s" in late.stderr
    generator.written(30)
    node.binary = binary
    node.start()
    generator.away.clear()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 400 MiB."""
    where = tmp_path / "small"
    where.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(where)],
        capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount: {made.stderr.strip()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_full_disk_is_left_behind_and_heals(make_cluster, small_disk):
    cluster = make_cluster(2).form(2)
    a, b = cluster
    c = cluster.node("c")
    c.directory = os.path.join(small_disk, "data")
    cluster.nodes.append(c)
    c.start(*cluster.seeds)
    a.wait_healthy(3)
    filler = os.path.join(small_disk, "filler")
    with Generator([a, b]) as generator:
        generator.written(50)
        with open(filler, "wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            except OSError:
                pass
        fill(a, c, 260)
        until(lambda: c.metric("varve_disk_full") == 1, seconds=60, what="c says so")
        # What it leads it can not write: that is refused, or led by others by now.
        answers = {push(c, {"n": str(number)}) for number in range(20)}
        assert all(status == 204 or b"space" in text for status, text in answers), answers
        generator.written(50)
        assert generator.longest_seconds < 15, generator.errors[-3:]
        os.remove(filler)
        until(lambda: c.metric("varve_disk_full") == 0, seconds=60, what="c heals")
        a.wait_healthy(3)
        generator.written(50)
    generator.check(cluster)


def fill(node, victim, megabytes):
    """Writes more than the journal of a small disk takes; what is refused is not sent again."""
    block = os.urandom(1 << 19).hex()
    for number in range(megabytes):
        if victim.metric("varve_disk_full") == 1:
            return
        stamp = str(time.time_ns())
        body = json.dumps({"streams": [{
            "stream": {"filler": str(number % 4)}, "values": [[stamp, f"{number} {block}"]],
        }]}).encode()
        node.request("POST", "/loki/api/v1/push", body, {"Content-Type": "application/json"})
