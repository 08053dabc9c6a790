"""Live tails in a cluster of four, where each node lacks some shards and follows them elsewhere:
when the node that gives them dies, the tail says since when lines are missing, and `varve logs -f`
reads them."""

import json
import threading
import urllib.parse
import urllib.request
from collections import Counter

from cluster import Generator
from conftest import until
from test_follow import Follower


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
