"""Live tails in a cluster of four, where each node lacks some shards and follows them elsewhere:
when the node that gives them dies, the tail says since when lines are missing, and `varve logs -f`
reads them; those who follow by WebSocket or server-sent events do not notice."""

import json
import threading
import urllib.parse
import urllib.request
from collections import Counter

from cluster import Generator
from conftest import until
from test_events import Events
from test_follow import Follower
from test_http import now_ns, push
from websocket import WebSocket


class RawTail:
    """`/api/v1/logs/follow` as it comes, begun again whenever it ends."""

    def __init__(self, node):
        self.url = f"{node.url}/api/v1/logs/follow?" + urllib.parse.urlencode({"query": "{}"})
        self.ends = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.is_over.is_set():
            last = None
            try:
                with urllib.request.urlopen(self.url, timeout=5) as answer:
                    for line in answer:
                        last = json.loads(line) if line.strip() else last
                        if self.is_over.is_set():
                            return
            except OSError:
                pass
            self.ends.append(last)


def test_a_node_that_gives_lines_dies(make_cluster):
    cluster = make_cluster(16).form(4)
    first, others = cluster[0], cluster.nodes[1:]
    follower = Follower(first, "-n", "0")
    raw = RawTail(first)
    try:
        with Generator(cluster) as generator:
            until(lambda: len(follower.lines) > 20, what="followed lines")
            before = set(generator.lines)
            for node in others:
                generator.away.add(node)
                node.kill()
                generator.written(30)
                node.start()
                first.wait_healthy(4)
                generator.away.clear()
                generator.written(10)
        lacks = generator.lines - before
        until(lambda: not lacks - printed(follower).keys(), seconds=30, what="every line")
        seen = printed(follower)
        assert [text for text, count in seen.items() if count != 1] == []
    finally:
        raw.is_over.set()
        follower.stop()
    gaps = [int(end["gap"]) for end in raw.ends if end and "gap" in end]
    assert gaps and all(gap > 1_600_000_000 * 10**9 for gap in gaps), raw.ends
    assert figure(first, "varve_follow_gaps_total") > 0


def printed(follower):
    return Counter(line.split()[-1] for line in list(follower.lines))


def figure(node, name):
    lines = node.get_text("/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


class LokiTail:
    """Loki's tail as logcli reads it: it would come again, from the last line on, when the connection
    ends without a close frame."""

    def __init__(self, node):
        self.node, self.seen, self.codes, self.count = node, Counter(), [], 0
        self.start = now_ns()
        self.is_over = threading.Event()
        self.socket = self.connect()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def connect(self):
        self.count += 1
        return WebSocket(self.node.http_port, "/loki/api/v1/tail?" + urllib.parse.urlencode(
            {"query": '{job="tail"}', "start": self.start, "limit": 5_000}))

    def read(self):
        while not self.is_over.is_set():
            try:
                while True:
                    code, payload = self.socket.frame()
                    if code == 1:
                        self.take(json.loads(payload))
                    elif code == 8:
                        return self.codes.append(code)
            except (EOFError, OSError):
                if not self.is_over.is_set():
                    self.socket = self.connect()

    def take(self, message):
        for stream in message["streams"]:
            for stamp, line in stream["values"]:
                self.seen[line] += 1
                self.start = max(self.start, int(stamp))

    def stop(self):
        self.is_over.set()
        self.socket.close()


class EventSource:
    """Server-sent events as a browser reads them: it would come again, from the last id on."""

    def __init__(self, node):
        self.node = node
        self.connections = [Events(node, query='{job="tail"}')]
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        last = None
        while True:
            self.connections[-1].thread.join()
            if self.is_over.is_set():
                return
            last = self.connections[-1].last or last
            resume = {"resume": last} if last else {}
            self.connections.append(Events(self.node, query='{job="tail"}', **resume))

    def lines(self):
        return [line for one in list(self.connections) for line in list(one.seen)]

    def stop(self):
        self.is_over.set()
        self.connections[-1].close()


def test_tails_of_others_go_on(make_cluster):
    cluster = make_cluster(16).form(4)
    first, others = cluster[0], cluster.nodes[1:]
    tail, events = LokiTail(first), EventSource(first)
    sent = []

    def send(count):
        for _ in range(count):
            line = f"line {len(sent)} of {len(sent) % 16}"
            status, body = push(
                first, [[str(now_ns()), line]],
                labels={"job": "tail", "app": f"app-{len(sent) % 16}"})
            assert status == 204, body
            sent.append(line)

    try:
        send(32)
        for node in others:
            node.kill()
            send(48)
            node.start()
            first.wait_healthy(4)
            send(16)
        until(lambda: tail.seen.keys() >= set(sent), seconds=40, what="every line by WebSocket")
        until(lambda: len(events.lines()) >= len(sent), seconds=40, what="every line as an event")
        assert Counter(events.lines()) == tail.seen == Counter(sent), "each line once"
        assert tail.count == len(events.connections) == 1 and tail.codes == []
        assert figure(first, "varve_follow_gaps_total") > 0
    finally:
        tail.stop()
        events.stop()
