"""Zones that do not hear each other, and reads while nodes go: three hosts of their own."""

import json
import time

import pytest

from cluster import Cluster, Generator, Workers
from conftest import until
from history import History
from network import network  # noqa: F401, a fixture

HOUR_NANOS = 3_600_000_000_000


@pytest.fixture
def cluster(network, tmp_path):  # noqa: F811
    made = Cluster(tmp_path / "cluster", 4, "--peer-plain", network=network)
    try:
        yield made.form(3)
    finally:
        made.end()


def leader_of_most(cluster, asked):
    members = asked.status()["members"]
    name = max(members, key=lambda one: one["leaders"])["name"]
    return next(node for node in cluster if node.name == name)


def test_a_zone_that_is_cut_off_acknowledges_nothing_that_is_lost(cluster, network):  # noqa: F811
    victim = leader_of_most(cluster, cluster[0])
    others = [node for node in cluster if node is not victim]
    hosts = [node.host for node in others]
    with Generator(others) as generator, Generator([victim], "cut", workers=2) as inside:
        inside.written(30)
        network.cut(victim.host, hosts)
        # Still counted as live, but it does not say that all is well.
        assert not others[0].status()["healthy"]
        refusal = others[0].cli("cluster", "remove", others[1].name).stderr
        assert f"no answer on how their groups are: {victim.name}" in refusal
        generator.written(60)
        until(lambda: not others[0].member(victim.name)["live"], 30, "the zone is missed")
        # What it still acknowledges, the others have.
        before = len(inside.lines)
        generator.written(100)
        assert len(inside.lines) == before
        # It answers with what it has and says that this may not be all.
        answer = victim.get("/api/v1/query", query="count(w_e2e)")
        assert answer.get("warnings"), answer
        network.mend(victim.host, hosts)
        others[0].wait_healthy(3)
        inside.written(20)
        generator.written(20)
    assert generator.longest_seconds < 12
    generator.check(cluster)
    inside.check(cluster)


def test_a_leader_that_hears_but_is_not_heard_is_replaced(cluster):
    victim = leader_of_most(cluster, cluster[0])
    others = [node for node in cluster if node is not victim]
    with Generator(others) as generator:
        generator.written(30)
        for node in others:
            victim.host.deafen(node.host)
        until(
            lambda: others[0].member(victim.name)["leaders"] == 0, 30,
            f"{victim.name} leads nothing")
        generator.written(100)
        for node in others:
            victim.host.hear(node.host)
        others[0].wait_healthy(3)
        generator.written(20)
    assert generator.longest_seconds < 15
    generator.check(cluster)


class Clients(Workers):
    """Writes to and reads from some streams through all nodes, and keeps the history."""

    KEYS = 3

    def __init__(self, cluster):
        self.nodes = list(cluster)
        self.history = History()
        self.started = time.time_ns() - HOUR_NANOS
        super().__init__(
            [(work, number) for work in (self.write, self.read) for number in range(3)])

    def write(self, worker):
        count = 0
        while not self.is_over.wait(0.05):
            count += 1
            node = self.nodes[(worker + count) % len(self.nodes)]
            key, value = f"k{count % self.KEYS}", f"{worker}/{count}"
            body = json.dumps({"streams": [{
                "stream": {"key": key}, "values": [[str(time.time_ns()), value]]}]}).encode()

            def send(node=node, body=body):
                try:
                    status, _ = node.request(
                        "POST", "/loki/api/v1/push", body, {"Content-Type": "application/json"})
                    return status == 204
                except OSError:
                    return False

            self.history.add(key, value, send)

    def read(self, worker):
        count = 0
        while not self.is_over.wait(0.05):
            count += 1
            node = self.nodes[(worker + count) % len(self.nodes)]
            key = f"k{count % self.KEYS}"

            def find(node=node, key=key):
                try:
                    # Without an end it would be the moment at which it is asked: what is written
                    # while it waits for a leader would be no part of it.
                    answer = node.get(
                        "/loki/api/v1/query_range", query=f'{{key="{key}"}}', limit=100_000,
                        start=str(self.started), end=str(time.time_ns() + HOUR_NANOS))
                except (OSError, AssertionError):
                    return None
                if answer.get("warnings") or answer["data"].get("warnings"):
                    return None
                return [
                    line for one in answer["data"]["result"] for _, line, *_ in one["values"]]

            self.history.read(key, node.name, find)

    def done(self, count):
        goal = len(self.history.operations) + count
        until(lambda: len(self.history.operations) >= goal, 120, f"{count} more operations")


def test_reads_and_writes_could_have_come_one_after_the_other(cluster, network):  # noqa: F811
    with Clients(cluster) as clients:
        clients.done(60)
        for _ in range(2):
            victim = leader_of_most(cluster, cluster[0])
            others = [node for node in cluster if node is not victim]
            network.cut(victim.host, [node.host for node in others])
            clients.done(60)
            network.mend(victim.host, [node.host for node in others])
            clients.done(30)
            victim = leader_of_most(cluster, cluster[0])
            victim.kill()
            clients.done(40)
            victim.start()
            clients.done(30)
        cluster[0].wait_healthy(3)
        clients.done(30)
    problems = clients.history.problems()
    assert not problems, problems[:10]
    assert sum(1 for one in clients.history.operations if hasattr(one, "values")) > 50
