"""Rules of a real server: series and alerts over a kill -9, an Alertmanager that is told, SIGHUP, and
the commands that need no server."""

import glob
import http.server
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY, until
from loopback import free_port

RULES = """
groups:
- name: hits
  interval: 500ms
  rules:
  - record: job:hits:sum
    expr: sum by (job) (hits)
  - alert: Many
    expr: job:hits:sum > 4
    for: {hold}
    labels: {{severity: page}}
    annotations: {{summary: "{{{{ $value }}}} hits of {{{{ $labels.job }}}}"}}
"""


@pytest.fixture
def alertmanager():
    """Keeps what it is told; its address and the list of alerts."""
    alerts = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/am/api/v2/alerts":
                alerts.extend(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/am/", alerts
    server.shutdown()


def put(server, value):
    text = f'hits{{job="a",i="1"}} {value}\nhits{{job="a",i="2"}} 3\n'
    assert server.request("POST", "/api/v1/import/prometheus", text.encode())[0] == 204


def alerts(server):
    return server.get("/api/v1/alerts")["data"]["alerts"]


def test_a_series_is_recorded_and_an_alert_is_sent_and_ends(make_server, tmp_path, alertmanager):
    url, told = alertmanager
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.format(hold="1s"))
    server = make_server(
        "--rules", str(tmp_path / "*.yaml"), "--rules-grace", "0s", "--alertmanager", url,
        "--external-labels", "site=north", "--external-url", "http://varve.example")
    put(server, 2)
    until(lambda: server.value("job:hits:sum") == 5, what="the recorded series")
    until(lambda: told, what="the alert")
    first = told[0]
    assert first["labels"] == {
        "alertname": "Many", "job": "a", "severity": "page", "site": "north"}
    assert first["annotations"] == {"summary": "5 hits of a"}
    assert first["generatorURL"].startswith("http://varve.example/graph?g0.expr=job")
    assert server.value('ALERTS{alertstate="firing"}') == 1
    (group,) = server.get("/api/v1/rules")["data"]["groups"]
    assert [rule["health"] for rule in group["rules"]] == ["ok", "ok"]
    assert server.get("/prometheus/api/v1/alertmanagers")["data"]["activeAlertmanagers"] == [
        {"url": url + "api/v2/alerts"}]
    put(server, 0)
    until(lambda: not alerts(server), what="the end of the alert")
    until(lambda: told[-1]["endsAt"] < told[0]["endsAt"], what="word of the end")
    assert server.value("ALERTS") is None


def test_an_alert_goes_on_pending_after_kill_9(make_server, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.format(hold="10m"))
    server = make_server("--rules", str(file), "--rules-grace", "1s")
    put(server, 2)
    until(lambda: server.value("ALERTS_FOR_STATE"), what="the state")
    until(lambda: server.value("time() - ALERTS_FOR_STATE") > 3, what="some seconds")
    began = server.value("ALERTS_FOR_STATE")
    server.kill()
    server.start()

    # Written again once it is restored; moved by the outage, not begun anew.
    def restored():
        lines = server.get("/api/v1/query", query='ALERTS_FOR_STATE[2s]')["data"]["result"]
        return lines and float(lines[0]["values"][-1][1])

    again = until(restored, what="the restored state")
    assert began <= again < began + 60
    age = server.value("time() - ALERTS_FOR_STATE")
    assert age > 3


def test_a_wrong_file_changes_nothing(make_server, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.format(hold="1s"))
    server = make_server("--rules", str(file))

    def reload(word):
        before = len(server.log_lines())
        server.process.send_signal(signal.SIGHUP)
        return until(
            lambda: next((line for line in server.log_lines()[before:] if word in line), None),
            what=word)

    file.write_text(RULES.format(hold="soon"))
    line = reload("settings stay as they were")
    assert "rules.yaml:" in line and "for" in line and "no duration" in line
    assert server.get("/api/v1/rules")["data"]["groups"][0]["rules"][1]["duration"] == 1
    file.write_text(RULES.format(hold="3s"))
    reload("settings read again")
    until(
        lambda: server.get("/api/v1/rules")["data"]["groups"][0]["rules"][1]["duration"] == 3,
        what="the new rule")


def test_debians_alertmanager_takes_alerts(make_server, tmp_path, need):
    port = free_port()
    config = tmp_path / "am.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    process = subprocess.Popen(
        [need("prometheus-alertmanager"), f"--config.file={config}",
         f"--storage.path={tmp_path}/am", f"--web.listen-address=127.0.0.1:{port}",
         "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        (tmp_path / "rules.yaml").write_text(RULES.format(hold="0s"))
        server = make_server(
            "--rules", str(tmp_path / "rules.yaml"), "--alert-resend", "1s",
            "--alertmanager", f"http://127.0.0.1:{port}")
        put(server, 2)
        until(lambda: server.metric("varve_notifications_sent_total"), what="an alert taken")
    finally:
        process.terminate()
        process.wait()


def test_check_and_test_without_a_server(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(RULES.format(hold="1m"))
    bad.write_text("groups:\n- name: a\n  rules: [{record: b, exp: c}]\n")
    tests = tmp_path / "tests.yaml"
    text = """
rule_files: [good.yaml]
tests:
- interval: 1m
  input_series: [{{series: 'hits{{job="a"}}', values: "5x10"}}]
  promql_expr_test:
  - {{expr: "job:hits:sum", eval_time: 2m,
     exp_samples: [{{labels: 'job:hits:sum{{job="a"}}', value: {value}}}]}}
"""

    def run(*arguments):
        return subprocess.run(
            [BINARY, "rules", *map(str, arguments)], capture_output=True, text=True, timeout=60,
            env=dict(os.environ, NO_COLOR="1"))

    assert run("check", good).returncode == 0
    answer = run("check", good, bad)
    assert answer.returncode == 1 and "bad.yaml:3:" in answer.stderr, answer
    tests.write_text(text.format(value=5))
    assert run("test", tests).returncode == 0
    tests.write_text(text.format(value=6))
    answer = run("test", tests)
    assert answer.returncode == 1 and "- {__name__=" in answer.stderr, answer


def test_every_shipped_alert_has_a_test_that_passes():
    root = os.path.join(os.path.dirname(__file__), "../../queries/rules")
    rules = sorted(glob.glob(f"{root}/*.yaml"))
    tests = sorted(glob.glob(f"{root}/tests/*.yaml"))
    for arguments in [["check", *rules], ["test", *tests]]:
        done = subprocess.run([BINARY, "rules", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    text = "".join(open(path, encoding="utf-8").read() for path in tests)
    for path in rules:
        for alert in re.findall(r"- alert: (\w+)", open(path, encoding="utf-8").read()):
            assert re.search(rf"alertname: {alert}\n *exp_alerts", text), alert


def test_another_node_goes_on_with_the_rules(make_cluster, tmp_path):
    """The leader of the meta group evaluates; when it is gone another does, and an alert goes on."""
    path = tmp_path / "rules.yaml"
    path.write_text("""
groups:
- name: g
  interval: 500ms
  rules:
  - {record: "job:hits:sum", expr: sum by (job) (hits)}
  - {alert: Busy, expr: "job:hits:sum > 3", for: 1s}
""")
    # Alerts that wait for less than the grace begin anew, as with Prometheus.
    cluster = make_cluster(2, "--rules", str(path), "--rules-grace", "1s").form(3)
    status, body = cluster[0].request(
        "POST", "/api/v1/import/prometheus", f'hits{{job="a"}} 5 {int(time.time() * 1000)}\n'.encode())
    assert status == 204, body

    def firing(node):
        alerts = node.get("/api/v1/alerts")["data"]["alerts"]
        return [one["activeAt"][:19] for one in alerts if one["state"] == "firing"]

    # Whoever is asked knows.
    for node in cluster:
        until(lambda: firing(node), seconds=30, what=f"the alert at {node.name}")
    active = firing(cluster[0])
    meta = next(one for one in cluster[0].status()["shards"] if one["shard"] == "meta")
    leader = next(node for node in cluster if node.name == meta["leader"])
    others = [node for node in cluster if node is not leader]
    leader.kill()
    gone = time.time()
    for node in others:
        until(
            lambda: (node.value("timestamp(job:hits:sum)") or 0) > gone, seconds=60,
            what="rules are evaluated again")
        until(lambda: firing(node), seconds=30, what=f"the alert at {node.name}")
        assert firing(node) == active


def test_rules_of_logql_make_series_and_alerts_of_lines(make_server, tmp_path):
    path = tmp_path / "logs.yaml"
    path.write_text("""
groups:
- name: lines
  type: logql
  interval: 500ms
  rules:
  - {record: "app:errors:count", expr: 'sum by (app) (count_over_time({app=~".+"} |= "error" [5m]))'}
  - alert: Errors
    expr: 'sum by (app) (count_over_time({app=~".+"} |= "error" [5m])) > 2'
    annotations: {summary: '{{ $labels.app }} has {{ $value }}'}
""")
    server = make_server("--rules", str(path))
    now = time.time_ns() - 10**9
    lines = {"web": ["error 1", "fine", "error 2", "error 3"], "db": ["error 1"]}
    streams = [
        {"stream": {"app": app}, "values": [[str(now + place), text] for place, text in enumerate(texts)]}
        for app, texts in lines.items()]
    status, body = server.request(
        "POST", "/loki/api/v1/push", json.dumps({"streams": streams}).encode(),
        {"Content-Type": "application/json"})
    assert status == 204, body
    until(lambda: server.value('app:errors:count{app="web"}') == 3, what="the recorded count")
    assert server.value('app:errors:count{app="db"}') == 1
    alerts = until(lambda: server.get("/api/v1/alerts")["data"]["alerts"], what="the alert")
    assert [one["annotations"]["summary"] for one in alerts] == ["web has 3"]
    until(
        lambda: server.value('ALERTS{alertname="Errors",alertstate="firing",app="web"}') == 1,
        what="the alert as a series")
