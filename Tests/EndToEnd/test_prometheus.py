"""Debian's prometheus writes remotely into Varve what it scrapes from itself."""

import json
import time
import urllib.parse
import urllib.request

from conftest import until


def test_remote_write_from_prometheus(server, prometheus):
    address = prometheus(
        lambda port:
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        f"remote_write: [{{url: '{server.url}/api/v1/write'}}]\n")
    until(lambda: server.value('up{job="self"}') == 1, seconds=60, what="up from prometheus")
    until(lambda: (server.value("count_over_time(up[1m])") or 0) >= 5, seconds=60)
    moment = time.time() - 3
    query = "sum by (job) (go_goroutines)"
    request = f"{address}/api/v1/query?query={query.replace(' ', '%20')}&time={moment}"
    with urllib.request.urlopen(request) as answer:
        theirs = answer.read()
    ours = server.get("/api/v1/query", query=query, time=moment)["data"]["result"]
    assert ours[0]["value"][1].encode() in theirs


def test_prometheus_reads_remotely(server, prometheus):
    """What a Prometheus has not itself it asks Varve for. Debian's takes no native histograms this way."""
    now = int(time.time()) * 1000
    lines = "".join(
        f'far{{place="{place}"}} {number} {now - number * 10_000}\n'
        for place in "ab" for number in range(30))
    assert server.request("POST", "/api/v1/import/prometheus", lines.encode())[0] == 204
    address = prometheus(
        f"remote_read: [{{url: '{server.url}/api/v1/read', read_recent: true}}]\n")

    def ask(query):
        text = urllib.parse.urlencode({"query": query, "time": now / 1000})
        try:
            with urllib.request.urlopen(f"{address}/api/v1/query?{text}") as answer:
                return json.loads(answer.read())["data"]["result"]
        except OSError:
            return None

    until(lambda: ask("far"), seconds=30, what="an answer of prometheus")
    for query in [
        "far", "sum_over_time(far[115s])", 'max by (place) (far{place=~"a|b"} offset 1m)',
        'far{place!="a"}', 'far{place!~"b.*"} * 2',
    ]:
        ours = server.get("/api/v1/query", query=query, time=now / 1000)["data"]["result"]
        assert sorted(ask(query), key=str) == sorted(ours, key=str), query


def test_a_bad_remote_read_is_refused(server):
    for body, word in [(b"x", b"snappy"), (b"\x02\x04\x10\x01", b"SAMPLES")]:
        status, answer = server.request("POST", "/api/v1/read", body)
        assert status in (400, 415) and word in answer
