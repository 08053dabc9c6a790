"""A real server scrapes: Debian's node exporter, and a target that changes, vanishes, answers in
every format and is slow."""

import gzip
import http.server
import json
import os
import signal
import struct
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest

from conftest import BINARY, until
from loopback import free_port


@pytest.fixture
def node_exporter(need):
    program = need("prometheus-node-exporter")
    port = free_port()
    process = subprocess.Popen(
        [program, f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=30)


class Target:
    """Answers with `body`, or with what is negotiated when there are several."""

    def __init__(self):
        self.bodies = {}  # content type: bytes
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        self.asked = []
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                target.asked.append((self.path, dict(self.headers)))
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/metrics")
                    self.end_headers()
                    return
                target.gate.wait(timeout=60)
                accepted = self.headers["Accept"].split(",")
                for wanted in accepted:
                    media = wanted.split(";")[0]
                    found = [t for t in target.bodies if t.startswith(media) or media == "*/*"]
                    if found:
                        break
                body = gzip.compress(target.bodies[found[0]])
                self.send_response(target.status)
                self.send_header("Content-Type", found[0])
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self, text):
        self.bodies = {"text/plain; version=0.0.4": text.encode()}

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def target():
    target = Target()
    yield target
    target.close()


def config(tmp_path, text):
    file = tmp_path / "scrapes.yaml"
    file.write_text(text)
    return str(file)


def job(address, more="", interval="500ms"):
    return f"""
scrape_configs:
- job_name: a
  scrape_interval: {interval}
  {more}
  static_configs:
  - targets: ["{address}"]
"""


def health(server):
    return {t["scrapePool"]: t["health"] for t in targets(server)}


def targets(server):
    return server.get("/api/v1/targets")["data"]["activeTargets"]


def test_the_node_exporter_is_scraped(make_server, tmp_path, node_exporter):
    text = job(node_exporter, interval="1s", more="""relabel_configs:
  - {target_label: instance, replacement: here}
  metric_relabel_configs:
  - {action: drop, source_labels: [__name__], regex: "go_.*"}""")
    server = make_server("--scrape-config", config(tmp_path, text))
    until(lambda: server.value('up{job="a"}') == 1, what="the first scrape")
    total = 'node_memory_MemTotal_bytes{instance="here",job="a"}'
    until(lambda: (server.value(total) or 0) > 1e6, what="samples")
    assert server.vector('node_cpu_seconds_total{mode="idle"}')
    assert server.vector('{__name__=~"go_.*"}') == {}
    scraped = server.value("scrape_samples_scraped")
    kept = server.value("scrape_samples_post_metric_relabeling")
    assert 100 < kept < scraped
    until(lambda: server.value("count_over_time(up[1m])") >= 3, what="three scrapes")
    assert server.value("scrape_series_added") < kept / 4
    assert server.value("scrape_duration_seconds") > 0
    assert server.value("count(rate(node_cpu_seconds_total[1m]))") > 1
    (one,) = targets(server)
    assert one["health"] == "up" and one["lastError"] == ""
    assert one["labels"] == {"instance": "here", "job": "a"}
    assert one["scrapeUrl"] == f"http://{node_exporter}/metrics"
    assert server.get("/api/v1/scrape_pools")["data"] == {"scrapePools": ["a"]}
    entries = server.get(
        "/api/v1/targets/metadata", metric="node_cpu_seconds_total")["data"]
    assert entries[0]["type"] == "counter"
    assert server.get("/api/v1/metadata", metric="node_cpu_seconds_total")["data"]
    metrics = server.get_text("/metrics")
    assert 'varve_scrape_targets{scrape_job="a"} 1' in metrics
    assert "varve_scrape_failures_total" not in metrics


def test_series_end_with_what_brings_them(make_server, tmp_path, target):
    target.text("one 1\ntwo 2\n")
    server = make_server("--scrape-config", config(tmp_path, job(target.address)))
    until(lambda: server.value("two") == 2, what="the first scrape")
    target.text("one 3\n")
    until(lambda: server.value("one") == 3 and server.value("two") is None, what="the end of two")
    target.status = 500
    until(lambda: server.value("up") == 0 and server.value("one") is None, what="the end of one")
    assert targets(server)[0]["lastError"] == "the target answered with status 500"
    target.status = 200
    until(lambda: server.value("up") == 1 and server.value("one") == 3, what="a new beginning")
    os.unlink(tmp_path / "scrapes.yaml")
    (tmp_path / "scrapes.yaml").write_text("scrape_configs: []\n")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.value("up") is None and server.value("one") is None,
          what="the end of the target")


def test_a_slow_target_is_down(make_server, tmp_path, target):
    target.text("one 1\n")
    target.gate.clear()
    server = make_server("--scrape-config", config(tmp_path, job(
        target.address, more="scrape_timeout: 300ms")))
    until(lambda: server.value("up") == 0, what="a scrape that failed")
    assert targets(server)[0]["lastError"] == "no whole answer within 0.3 s"
    assert 'reason="timeout"' in server.get_text("/metrics")
    target.gate.set()
    until(lambda: server.value("one") == 1, what="a scrape")


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def native_histogram():
    """h with one observation in each of the buckets 0 and 1 of schema 0."""
    spans = field(12, varint(2 << 3) + varint(2))
    deltas = field(13, varint(2) + varint(0))
    histogram = (
        varint(1 << 3) + varint(2) + double(2, 3.0) + varint(5 << 3) + varint(0)
        + double(6, 1e-128) + spans + deltas)
    family = field(1, b"h") + varint(3 << 3) + varint(4) + field(4, field(7, histogram))
    return varint(len(family)) + family


def test_formats_are_negotiated(make_server, tmp_path, target):
    target.bodies = {
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        "encoding=delimited": native_histogram(),
        "application/openmetrics-text; version=1.0.0; charset=utf-8":
            b"# TYPE c counter\nc_total 7 # {trace_id=\"x\"} 1.5\n# EOF\n",
        "text/plain; version=0.0.4": b"t 9\n",
    }
    text = job(target.address) + job(target.address, more="""scrape_native_histograms: true
  metrics_path: /moved""").replace("scrape_configs:", "").replace("job_name: a", "job_name: p")
    text += job(target.address, more="scrape_protocols: [PrometheusText0.0.4]").replace(
        "scrape_configs:", "").replace("job_name: a", "job_name: t")
    server = make_server("--scrape-config", config(tmp_path, text))
    until(lambda: health(server) == {"a": "up", "p": "up", "t": "up"}, what="all formats")
    assert server.value("c_total") == 7
    assert server.value("histogram_count(h)") == 2
    assert server.value("histogram_sum(h)") == 3
    assert server.value("t") == 9
    exemplars = server.get(
        "/api/v1/query_exemplars", query="c_total", start="0", end="9999999999")["data"]
    assert exemplars[0]["exemplars"][0]["labels"] == {"trace_id": "x"}
    assert {path for path, _ in target.asked} == {"/metrics", "/moved"}


def test_files_name_targets(make_server, tmp_path, target):
    target.text("one 1\n")
    (tmp_path / "targets").mkdir()
    file = config(tmp_path, """
scrape_configs:
- job_name: found
  scrape_interval: 500ms
  file_sd_configs: [{files: ["targets/*.json"], refresh_interval: 1s}]
""")
    server = make_server("--scrape-config", file)
    assert targets(server) == []
    (tmp_path / "targets" / "a.json").write_text(
        json.dumps([{"targets": [target.address], "labels": {"zone": "a"}}]))
    until(lambda: server.value('one{zone="a"}') == 1, what="the target that was found")
    (tmp_path / "targets" / "a.json").unlink()
    until(lambda: server.value("one") is None, what="its end")


def test_a_wrong_file_changes_nothing(make_server, tmp_path, target):
    target.text("one 1\n")
    file = config(tmp_path, job(target.address))
    server = make_server("--scrape-config", file)
    until(lambda: server.value("one") == 1, what="a scrape")
    config(tmp_path, job(target.address, more="scheme: https"))
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "only http is spoken" in server.log_text(), what="the complaint")
    assert health(server) == {"a": "up"}

    checked = subprocess.run(
        [BINARY, "scrape", "check", file], capture_output=True, text=True)
    assert checked.returncode == 1
    assert f'{file}:5:11: scrape_configs[0].scheme: "https" is not supported' in checked.stderr
    config(tmp_path, job(target.address))
    checked = subprocess.run(
        [BINARY, "scrape", "check", file], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, f"{file}: 1 jobs, 1 static targets\n")


def test_one_node_of_a_cluster_scrapes(make_cluster, tmp_path, target):
    target.text("one 1\n")
    file = config(tmp_path, job(target.address))
    cluster = make_cluster(4, "--scrape-config", file).form(3)

    def keepers(nodes):
        return [n for n in nodes if "varve_scrapes_total" in n.get_text("/metrics")]

    until(lambda: all(n.value("one") == 1 for n in cluster), what="a scrape that all see")
    (keeper,) = keepers(cluster)
    for node in cluster:
        assert health(node) == {"a": "up"}
    keeper.kill()
    others = [n for n in cluster if n is not keeper]
    until(lambda: len(keepers(others)) == 1, seconds=60, what="another that scrapes")
    before = len(target.asked)
    until(lambda: len(target.asked) > before + 4, what="its scrapes")
    assert all(n.value("one") == 1 and n.value("up") == 1 for n in others)


BOTH = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: relabelled
  params: {{module: [a, b], "match[]": ["x y"]}}
  static_configs:
  - {{targets: ["{address}"], labels: {{zone: EU, __meta_rack: r1, __meta_env: "", skip: "no"}}}}
  - {{targets: ["{address}"], labels: {{zone: US, skip: "yes"}}}}
  relabel_configs:
  - {{action: drop, source_labels: [skip], regex: "yes"}}
  - {{action: labelmap, regex: "__meta_(.+)", replacement: "meta_$1"}}
  - {{source_labels: [__address__, zone], separator: "/", regex: "(.+):([0-9]+)/(.*)",
     target_label: where, replacement: "${{3}}-$$-$1"}}
  - {{action: hashmod, source_labels: [zone, job], modulus: 1000, target_label: share}}
  - {{action: lowercase, source_labels: [zone], target_label: zone}}
  - {{target_label: __param_module, replacement: c}}
  - {{source_labels: [nothing], target_label: nothing, replacement: "x$1"}}
  - {{action: labeldrop, regex: skip}}
  metric_relabel_configs:
  - {{action: drop, source_labels: [__name__], regex: "gone.*"}}
  - {{source_labels: [a, b], regex: "(.*);(.*)", target_label: ab, replacement: "$2$1"}}
  - {{action: keepequal, source_labels: [job], target_label: job}}
  - {{action: uppercase, source_labels: [a], target_label: a}}
- job_name: honoured
  honor_labels: true
  static_configs: [{{targets: ["{address}"], labels: {{zone: q}}}}]
- job_name: limited
  sample_limit: 2
  static_configs: [{{targets: ["{address}"]}}]
- job_name: labels
  label_value_length_limit: 20
  static_configs: [{{targets: ["{address}"]}}]
- job_name: timed
  honor_timestamps: false
  metrics_path: /moved
  static_configs: [{{targets: ["{address}"], labels: {{zone: b}}}}]
"""

EXPOSED = """# HELP h A histogram.
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 2
h_sum 3.5
h_count 2
conflict{job="x",instance="y",zone="z",exported_zone="e"} 1
empty{job="",instance="",zone=""} 1
gone_for_ever 1
gone 1
pairs{a="one",b="two"} 3
odd{v="a\\"b\\\\c\\nd"} -Inf
long{v="012345678901234567890123456789"} 1
"""


def test_series_and_targets_are_those_of_prometheus(make_server, prometheus, tmp_path, target):
    target.text(EXPOSED)
    text = BOTH.format(address=target.address)
    theirs = prometheus(text)
    server = make_server("--scrape-config", config(tmp_path, text))

    def ask(address, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{address}{path}?{query}") as answer:
            return json.load(answer)["data"]

    def is_done(address):
        try:
            found = ask(address, "/api/v1/targets")["activeTargets"]
        except OSError:
            return False
        return len(found) == 5 and all(t["health"] != "unknown" for t in found)

    def series(address):
        # How long it took, and which scrape was the first to bring a series, is its own.
        answer = ask(address, "/api/v1/query", query=(
            '{__name__!~"scrape_duration_seconds|scrape_series_added",__name__!=""}'))
        return sorted(
            (sorted(one["metric"].items()), one["value"][1]) for one in answer["result"])

    def shown(address):
        data = ask(address, "/api/v1/targets")
        names = ["discoveredLabels", "labels", "scrapePool", "scrapeUrl", "health",
                 "scrapeInterval", "scrapeTimeout"]
        active = [[one[name] for name in names] for one in data["activeTargets"]]
        dropped = [one["discoveredLabels"] for one in data["droppedTargets"]]
        return sorted(active, key=str), dropped

    until(lambda: is_done(theirs) and is_done(server.url), seconds=60, what="both have scraped")
    try:
        until(lambda: series(theirs) == series(server.url), seconds=20, what="the same series")
    except AssertionError as error:
        ours, others = series(server.url), series(theirs)
        raise AssertionError(
            f"only here: {[one for one in ours if one not in others]}\n"
            f"only there: {[one for one in others if one not in ours]}") from error
    assert shown(theirs) == shown(server.url)
    assert any(one[4] == "down" for one in shown(server.url)[0])
