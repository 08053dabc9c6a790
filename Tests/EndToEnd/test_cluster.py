"""Three processes are one store that loses any of them without losing what it acknowledged."""

import json
import os
import shutil
import signal
import time

import pytest

from cluster import Generator
from conftest import free_port, until

# Longer by hand: E2E_KILLS=50.
STOP_SECONDS = float(os.environ.get("E2E_STOP_SECONDS", "30"))
KILLS = int(os.environ.get("E2E_KILLS", "4"))


@pytest.fixture
def cluster(make_cluster):
    return make_cluster().form(3)


def test_every_node_takes_writes_and_answers(cluster):
    for number, node in enumerate(cluster):
        node.statsd("hits:5|c\n")
        stamp = str(time.time_ns())
        body = {"streams": [{"stream": {"n": node.name}, "values": [[stamp, f"line {number}"]]}]}
        status, answer = node.request(
            "POST", "/loki/api/v1/push", json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        assert status == 204, answer
    for node in cluster:
        texts = [text for _, _, text in node.lines('{n=~".+"}')]
        assert texts == ["line 0", "line 1", "line 2"]
        until(lambda node=node: node.value("hits") == 15, what="all increments, once")


def test_status_and_commands(cluster):
    a = cluster[0]
    status = a.status()
    assert status["healthy"] and len(status["members"]) == 3
    assert {one["zone"] for one in status["members"]} == {"a", "b", "c"}
    assert [one["shard"] for one in status["shards"]] == ["meta", "0", "1", "2", "3"]
    assert all(sorted(one["voters"]) == ["a", "b", "c"] for one in status["shards"])
    assert a.request("GET", "/api/v1/cluster/health")[0] == 200
    shown = a.cli("cluster", "status")
    assert shown.returncode == 0 and "healthy" in shown.stdout.splitlines()[0]
    assert json.loads(a.cli("cluster", "status", "--json").stdout)["node"] == "a"
    check = until(
        lambda: (done := a.cli("cluster", "upgrade-check")).returncode == 0 and done,
        what="all zones may be restarted")
    assert check.stdout.count("may be restarted") == 3
    status, body = a.request("POST", "/api/v1/cluster/drain", b"", node="nobody")
    assert status == 400 and 'parameter \\"node\\"' in body.decode()
    status, body = a.request("POST", "/api/v1/cluster/remove", b"", node="b")
    assert status == 409 and "drain it" in body.decode()
    status, body = a.request(
        "POST", "/api/v1/cluster/move", b"", **{"shard": 77, "from": "a", "to": "b"})
    assert status == 400 and 'parameter \\"shard\\"' in body.decode()


def test_nothing_acknowledged_is_lost_when_nodes_are_killed(cluster):
    with Generator(cluster) as generator:
        for _ in range(KILLS):
            generator.written(40)
            victim = cluster.leader_of_most()
            victim.kill()
            generator.written(40)
            victim.start()
            until(lambda: cluster[0].is_ready())
            cluster[0].wait_healthy(3)
    generator.check(cluster)


def test_totals_are_exact_while_a_leader_dies(cluster):
    a, b, c = cluster
    for round_number in range(6):
        for _ in range(20):
            a.statsd("sum:1|c")
            b.statsd("sum:2|c")
        if round_number == 2:
            c.kill()
        total = 60 * (round_number + 1)
        until(lambda: a.value("sum") == total, seconds=30, what=f"{total} increments")
    c.start()
    for node in cluster:
        until(lambda node=node: node.value("sum") == 360, what=f"{node.name}: 360 increments")


def test_a_node_that_stands_still_is_left_behind_and_catches_up(cluster):
    with Generator(cluster) as generator:
        generator.written(30)
        victim = cluster.leader_of_most()
        generator.excused.add(victim)
        generator.away.add(victim)
        victim.process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end:
            generator.written(10)
        other = next(node for node in cluster if node is not victim)
        assert not other.member(victim.name)["live"]
        victim.process.send_signal(signal.SIGCONT)
        generator.away.clear()
        generator.written(30)
        other.wait_healthy(3)
    assert generator.longest_seconds < 12
    generator.check(cluster)


def test_a_lost_disk_is_filled_again(cluster):
    with Generator(cluster) as generator:
        generator.written(100)
        cluster[2].flush()
        victim = cluster[1]
        victim.kill()
        shutil.rmtree(victim.directory)
        generator.written(30)
        victim.start(*("--join", cluster[0].peer_address))
        cluster[0].wait_healthy(3)
        generator.written(30)
    generator.check(cluster)
    assert victim.member("b")["id"] == 4


def test_an_orderly_stop_hands_over(cluster):
    with Generator(cluster) as generator:
        for node in list(cluster):
            generator.written(30)
            generator.away.add(node)
            assert node.stop() == 0
            generator.written(30)
            node.start()
            cluster[0].wait_healthy(3)
            generator.away.clear()
    generator.check(cluster)
    assert generator.longest_seconds < 5, generator.errors


def test_a_single_node_grows(make_cluster):
    cluster = make_cluster(shards=3)
    a = cluster.add("a", "--log-level", "info")
    with Generator([a], "sealed") as sealed:
        sealed.written(80)
    a.flush()
    with Generator([a], "fresh") as fresh:
        fresh.written(80)
    a.statsd("grown:7|c")
    until(lambda: a.value("grown") == 7)
    a.kill()
    a.start("--cluster-init")
    with Generator([a], "meanwhile") as meanwhile:
        cluster.add("b")
        cluster.add("c")
        a.wait_healthy(3)
        meanwhile.written(30)
    for written in (sealed, fresh, meanwhile):
        written.check(cluster)
    a.kill()
    cluster[1].statsd("grown:1|c")
    for node in cluster.nodes[1:]:
        until(lambda node=node: node.value("grown") == 8, what="it goes on without the first")


def test_all_addresses_change_at_once(cluster):
    """As containers do that are started anew: only the seed list still says where to look."""
    with Generator(cluster) as generator:
        generator.written(80)
    for node in cluster:
        node.kill()
    for node in cluster:
        node.peer_port = free_port()
    seeds = cluster.seeds
    for node in cluster:
        node.launch(*seeds)
    for node in cluster:
        until(lambda node=node: node.is_ready(), seconds=30, what=f"{node.name} ready")
    cluster[0].wait_healthy(3)
    until(
        lambda: all(cluster[0].member(one.name)["address"] == one.peer_address for one in cluster),
        seconds=30, what="the new addresses are decided")
    generator.check(cluster)
