"""A majority is lost for good: what is left goes on, on a person's word."""

import os
import shutil
import subprocess

import pytest

from cluster import Generator
from conftest import BINARY, until


@pytest.fixture
def cluster(make_cluster):
    return make_cluster().form(3)


def recover(node, *flags, word=""):
    return subprocess.run(
        [BINARY, "cluster", "recover", "--data", node.directory, *flags],
        input=word, capture_output=True, text=True, timeout=120)


def written(cluster):
    """Lines of three nodes, some of them sealed, on all replicas."""
    with Generator(list(cluster)) as generator:
        generator.written(60)
        # Refused while a shard changes its leader.
        until(
            lambda: cluster[0].request("POST", "/api/v1/admin/flush", b"")[0] == 204, seconds=60,
            what="all is sealed")
        generator.written(60)
    cluster[0].wait_healthy(3)
    cluster[0].wait_level()
    return generator


def lose(*nodes):
    for node in nodes:
        node.kill()
        shutil.rmtree(node.directory)


def test_one_survivor_goes_on_and_becomes_a_cluster_again(cluster):
    generator = written(cluster)
    a, b, c = cluster
    former = c.status()["clusterId"]
    lose(a, b)
    # Reads that are possible go on, and the loss is said loudly.
    shown = c.cli("cluster", "status")
    assert shown.returncode == 1 and "NO QUORUM" in shown.stdout
    c.kill()

    look = recover(c)
    assert look.returncode == 1, look.stderr
    assert "nothing was changed" in look.stdout
    assert "never to come back: a (node 1), b (node 2)" in look.stdout
    for shard in range(4):
        assert f"shard {shard}: goes on from c (node 3), entry" in look.stdout
    assert look.stdout.count("2 of 3 voters are lost") == 5
    assert recover(c, word="yes\n").returncode == 1
    done = recover(c, word="c\n")
    assert done.returncode == 0, done.stderr

    c.start()
    generator.check([c])
    with Generator([c], "later") as later:
        for node in (a, b):
            node.start("--join", c.peer_address)
        later.written(30)
        c.wait_healthy(3)
        later.written(30)
    assert c.status()["clusterId"] != former
    assert sorted(one["id"] for one in c.status()["members"]) == [3, 4, 5]
    for one in (generator, later):
        one.check([a, b, c])
    c.kill()
    until(lambda: a.cli("cluster", "status").returncode == 1, what="it is missed")
    for one in (generator, later):
        one.check([a, b])
    c.start()
    a.wait_healthy(3)
    for one in (generator, later):
        one.check([c])


def pair_that_has_all(node):
    """Names of two nodes that together have every shard, and of no shard more than they must."""
    homes = [set(one["voters"]) for one in node.status()["shards"] if one["shard"] != "meta"]
    names = sorted({one["name"] for one in node.status()["members"]})
    pairs = [{one, other} for one in names for other in names if one < other]
    return min(
        (pair for pair in pairs if all(pair & home for home in homes)),
        key=lambda pair: sum(len(pair & home) for home in homes))


def test_two_survivors_of_five_compare_and_go_on_together(make_cluster):
    cluster = make_cluster(3).form(5)
    generator = written(cluster)
    names = pair_that_has_all(cluster[0])
    first, second = (node for node in cluster if node.name in names)
    old, *lost = (node for node in cluster if node.name not in names)
    for node in cluster:
        node.kill()
    files = []
    for node in (first, second):
        described = recover(node, "--describe")
        assert described.returncode == 0, described.stderr
        files.append(os.path.join(os.path.dirname(node.directory), f"{node.name}.survivor"))
        with open(files[-1], "w", encoding="utf-8") as file:
            file.write(described.stdout)
    done = [
        recover(first, "--with", files[1], "--yes"), recover(second, "--with", files[0], "--yes")]
    assert [one.returncode for one in done] == [0, 0], done
    assert done[0].stdout == done[1].stdout and "ALL IS LOST" not in done[0].stdout
    assert "voters are lost" in done[0].stdout
    first.start()
    second.start()
    first.wait_healthy(2)
    # Who comes back with its old disk is a stranger, and says so.
    old.launch("--join", first.peer_address)
    until(
        lambda: f"the guest {old.name} belongs to cluster" in old.whole_log(),
        what="the old member says that it is refused")
    old.kill()
    for node in lost:
        shutil.rmtree(node.directory)
        node.start("--join", first.peer_address)
    first.wait_healthy(4)
    generator.check([first, second, *lost])


def test_a_recovery_that_has_not_ended_keeps_the_node_from_starting(cluster):
    written(cluster)
    a, b, c = cluster
    for node in cluster:
        node.kill()
    marker = os.path.join(c.directory, "varve.recovery")
    with open(marker, "w", encoding="utf-8") as file:
        with open(os.path.join(c.directory, "varve.member"), encoding="utf-8") as member:
            former = member.read().split("cluster ")[1].split()[0]
        file.write(
            f"varve recovery\nformat 1\ncluster 00000000000000aa\nformer {former}\n"
            f"survivor 3 {c.peer_address}\n" + "group 3\n" * 5)
    c.launch()
    assert c.process.wait(timeout=30) == 2
    assert "cluster recover" in c.log_text()
    done = recover(c, "--yes")
    assert done.returncode == 0 and "it goes on" in done.stdout, done.stderr
    assert not os.path.exists(marker)
    c.start()
    assert c.status()["clusterId"] == "00000000000000aa"


def test_what_is_no_members_directory_is_refused(tmp_path):
    for flags in (["--data", str(tmp_path)], ["--data", str(tmp_path / "none")]):
        done = subprocess.run(
            [BINARY, "cluster", "recover", *flags], capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert os.listdir(tmp_path) == ["LOCK"], "nothing else is made"
