"""Debian's prometheus writes remotely into Varve what it scrapes from itself."""

import time
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
