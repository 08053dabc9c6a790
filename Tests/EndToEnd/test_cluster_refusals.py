"""What a cluster does not take: each is one clear line for whoever did it."""

import os
import re
import socket
import subprocess

import pytest

from cluster import Cluster, Generator, one_line
from conftest import BINARY, until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("refusals"), 2).form(3)
    yield made
    made.end()


def refused(node, *way):
    """The one line with which a node does not start."""
    node.launch(*way)
    assert node.process.wait(timeout=30) == 2, node.log_text()
    lines = [line for line in node.log_lines() if line.startswith("varve:")]
    assert len(lines) == 1, lines
    return lines[0]


def test_a_name_that_is_taken(cluster):
    assert "has the name a already" in refused(cluster.node("a", "d"), *cluster.seeds)


def test_no_zone_where_the_others_have_one(cluster):
    line = refused(cluster.node("z", None), *cluster.seeds)
    assert "start z with --zone" in line


def test_a_directory_with_data_of_its_own(cluster):
    own = cluster.node("own")
    own.start()
    own.kill()
    assert "data of its own" in refused(own, *cluster.seeds)


def test_another_name_for_a_member(cluster):
    node = cluster[2]
    assert node.stop() == 0
    try:
        node.name = "other"
        assert "a member keeps its name" in refused(node)
    finally:
        node.name = "c"
        # Without a word about the cluster it goes on as the member that it is.
        node.start()
        cluster[0].wait_healthy(3)


def test_garbage_on_the_peer_port(cluster):
    a = cluster[0]
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", a.peer_port)) as tcp:
            tcp.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            tcp.settimeout(10)
            while tcp.recv(4096):
                pass
    one_line(a.whole_log(), r"127\.0\.0\.1.*(hello|not speak|no peer)")
    assert a.metric("varve_peer_refusals_total", reason="garbage") >= 3
    cluster[1].wait_healthy(3)


def ready(node):
    try:
        return node.request("GET", "/-/ready")
    except OSError:
        return None


def test_a_member_of_another_cluster(cluster):
    b = cluster[1]
    stranger = cluster.node("stranger")
    os.makedirs(stranger.directory)
    with open(os.path.join(stranger.directory, "varve.format"), "w", encoding="utf-8") as file:
        file.write("varve data directory\nformat 1\nshards 2\n")
    with open(os.path.join(stranger.directory, "varve.member"), "w", encoding="utf-8") as file:
        file.write(
            "varve member\nformat 1\ncluster 00000000000000ff\nnode 9\nname stranger\nzone s\n")
    with open(os.path.join(stranger.directory, "varve.peers"), "w", encoding="utf-8") as file:
        file.write(f"varve peers\nformat 1\n2 {b.peer_address}\n")
    stranger.launch()
    pattern = r"node 9 \(stranger\) belongs to cluster 00000000000000ff"
    until(lambda: re.search(pattern, b.whole_log()), what="b says it")
    until(lambda: re.search(pattern, stranger.whole_log()), what="the stranger says it")
    status, answer = until(lambda: ready(stranger), what="HTTP")
    assert status == 503 and b"has not come" in answer
    one_line(b.whole_log(), pattern)
    one_line(stranger.whole_log(), pattern)
    stranger.kill()


def serve_error(*flags):
    done = subprocess.run(
        [BINARY, "serve", "--data", "/nonexistent", "--http", "off", *flags],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cluster-init", "--join", "a:1"], ["--cluster-init", "--join", "not both"]),
        (["--peers", "0.0.0.0:8781", "--peer-plain"], ["--advertise"]),
        (["--peers", "192.0.2.1:8781"], ["--peer-cert", "--peer-plain"]),
        (["--join", ":8781"], ["--join", "HOST:PORT"]),
        (["--zone", "two words"], ["--zone", "word"]),
        (["--zone-file", "/nonexistent/zone"], ["--zone-file", "cannot read"]),
        (["--peer-cert", "x.pem"], ["--peer-key", "--peer-ca"]),
    ],
)
def test_settings_that_make_no_sense(flags, words):
    line = serve_error(*flags)
    assert all(word in line for word in words), line


def test_certificates(tmp_path, need):
    need("openssl")
    made = subprocess.run(
        [BINARY, "cluster", "cert", "--dir", str(tmp_path / "ours"), "a", "b"],
        capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    other = subprocess.run(
        [BINARY, "cluster", "cert", "--dir", str(tmp_path / "theirs"), "c"],
        capture_output=True, text=True, timeout=60)
    assert other.returncode == 0, other.stderr

    def flags(folder, name):
        where = tmp_path / folder
        return (
            "--peer-cert", f"{where}/{name}.pem", "--peer-key", f"{where}/{name}.key",
            "--peer-ca", f"{where}/ca.pem")

    cluster = Cluster(tmp_path / "cluster", 2)
    try:
        a = cluster.node("a", "", *flags("ours", "a"))
        a.start("--cluster-init")
        b = cluster.node("b", "", *flags("ours", "b"))
        b.start("--join", a.peer_address)
        a.wait_healthy(2)
        assert "certificate" in refused(
            cluster.node("c", "", *flags("theirs", "c")), "--join", a.peer_address)
        plain = refused(cluster.node("d"), "--join", a.peer_address)
        assert "does not take this node in" in plain
    finally:
        cluster.end()


def test_a_fourth_node_takes_over_and_the_first_leaves(tmp_path):
    cluster = Cluster(tmp_path / "cluster", 4)
    try:
        cluster.form(3)
        a = cluster[0]
        with Generator(cluster.nodes[1:]) as generator:
            generator.written(40)
            d = cluster.add("d")
            d.wait_healthy(4)
            assert "drain it" in d.cli("cluster", "remove", "a").stderr
            for victim in ("b", "a"):
                assert d.cli("cluster", "drain", victim).returncode == 0
                d.wait_drained(victim)
                generator.written(20)
                if victim == "b":
                    # It takes all of its replicas back, and has nothing left of the old ones.
                    assert d.cli("cluster", "drain", "--cancel", "b").returncode == 0
            assert d.cli("cluster", "remove", "a").returncode == 0
            until(lambda: d.member("a") is None)
            a.kill()
            d.wait_healthy(3)
            generator.written(20)
        generator.check([*cluster.nodes[1:], d])
    finally:
        cluster.end()


def test_the_dead_leave_unless_others_need_them(tmp_path):
    cluster = Cluster(tmp_path / "cluster", 3)
    try:
        cluster.form(3)
        a, b, c = cluster.nodes
        with Generator([a]) as generator:
            generator.written(20)
            c.kill()
            until(lambda: not a.member("c")["live"] and a.member("b")["live"])
            until(lambda: a.cli("cluster", "remove", "c").returncode == 0)
            a.wait_healthy(2)
            generator.written(20)
        b.kill()
        until(lambda: not a.member("b")["live"])
        refusal = a.cli("cluster", "remove", "b").stderr
        assert "b is not removed" in refusal and "would lose the majority" in refusal
        assert a.member("b") is not None
        b.start()
        a.wait_healthy(2)
        generator.check([a, b])
    finally:
        cluster.end()
