"""Debian's prometheus writes remotely into Varve what it scrapes from itself."""

import subprocess
import time
import urllib.request

from conftest import free_port, until


def test_remote_write_from_prometheus(server, need, tmp_path):
    program = need("prometheus")
    port = free_port()
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        f"remote_write: [{{url: '{server.url}/api/v1/write'}}]\n")
    process = subprocess.Popen(
        [program, f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: server.value('up{job="self"}') == 1, seconds=60, what="up from prometheus")
        until(lambda: (server.value("count_over_time(up[1m])") or 0) >= 5, seconds=60)
        moment = time.time() - 3
        query = "sum by (job) (go_goroutines)"
        address = f"http://127.0.0.1:{port}/api/v1/query?query={query.replace(' ', '%20')}"
        with urllib.request.urlopen(f"{address}&time={moment}") as answer:
            theirs = answer.read()
        ours = server.get("/api/v1/query", query=query, time=moment)["data"]["result"]
        assert ours[0]["value"][1].encode() in theirs
    finally:
        process.terminate()
        process.wait()
