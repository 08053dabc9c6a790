"""Retention by selector: what a rule selects goes by age or by bytes, all else stays."""

import subprocess
import time

from conftest import BINARY, until
from test_http import now_ns, push


def test_by_age(make_server, tmp_path):
    rules = tmp_path / "retention.yaml"
    rules.write_text(
        "rules:\n- logs: '{app=\"debug\"}'\n  age: 60s\n- metrics: 'old'\n  age: 1m\n")
    server = make_server("--retention-rules", str(rules))
    now = now_ns()
    for app in ["debug", "shop"]:
        push(server, [[str(now - age * 10**9), f"{app} {age}"] for age in (300, 200, 5)],
             labels={"app": app})
    stamp = now // 10**6
    text = "".join(
        f"{name} {age} {stamp - age * 1000}\n" for name in ("old", "new") for age in (300, 5))
    server.request("POST", "/api/v1/import/prometheus", text.encode())

    def texts():
        return sorted(line for _, _, line in server.lines("{}"))

    until(lambda: texts() == ["debug 5", "shop 200", "shop 300", "shop 5"], what="old lines go")
    until(lambda: server.value("count_over_time(old[1h])") == 1, what="old samples go")
    assert server.value("count_over_time(new[1h])") == 2
    assert server.metric("varve_retention_deletions_total") >= 2
    # What comes late goes too.
    push(server, [[str(now - 250 * 10**9), "late"]], labels={"app": "debug"})
    until(lambda: "late" not in texts(), what="late lines go", seconds=30)
    # Another file, by SIGHUP.
    rules.write_text("rules:\n- logs: '{app=\"shop\"}'\n  age: 100s\n")
    server.process.send_signal(1)
    until(lambda: texts() == ["debug 5", "shop 5"], what="the new rule counts")


def test_by_bytes(make_server, tmp_path):
    hour = 3600 * 10**9
    server = make_server("--retention", "100d")
    this = now_ns() // hour * hour
    for app in ["big", "other"]:
        push(server, [[str(this - back * hour + 1), f"{app} {back} " + "x" * 400]
                      for back in (60, 30, 5, 4, 3)], labels={"app": app})
    server.flush()
    server.stop()
    rules = tmp_path / "retention.yaml"
    rules.write_text("rules:\n- logs: '{app=\"big\"}'\n  bytes: 1kB\n")
    server.flags += ["--retention-rules", str(rules)]
    server.start()

    def kept(app):
        return sorted(
            int(line.split()[1]) for _, _, line in server.lines(f'{{app="{app}"}}', since="90h"))

    until(lambda: kept("big") == [3, 4], what="two hours of the big one stay")
    assert kept("other") == [3, 4, 5, 30, 60]
    server.kill()
    server.start()
    assert kept("big") == [3, 4]


def test_in_a_cluster_one_node_applies_them(make_cluster, tmp_path):
    rules = tmp_path / "retention.yaml"
    rules.write_text("rules:\n- logs: '{app=\"debug\"}'\n  age: 60s\n")
    cluster = make_cluster(2, "--retention-rules", str(rules)).form(3)
    old = now_ns() - 200 * 10**9
    push(cluster[0], [[str(old), "one"]], labels={"app": "debug"})
    for node in cluster:
        until(lambda: not node.lines("{}"), what="it goes on every node")
    leader = next(
        node for node in cluster if (node.metric("varve_retention_deletions_total") or 0) > 0)
    leader.kill()
    rest = [node for node in cluster if node is not leader]

    def written():
        return push(rest[0], [[str(old), "two"]], labels={"app": "debug"})[0] == 204

    until(written, seconds=60, what="writes go on")
    until(lambda: not rest[1].lines("{}"), seconds=60, what="another node goes on")


def test_a_wrong_file_is_refused(tmp_path):
    rules = tmp_path / "retention.yaml"
    for text, words in [
        ("rules: [{age: 1h}]", ["selector"]),
        ("rules: [{logs: '{a=\"b\"}'}]", ["age"]),
        ("rules: [{logs: '{a=\"b\"}', metrics: m, age: 1h}]", ["either"]),
        ("rules: [{logs: '{a=\"b\"} |= \"x\"', age: 1h}]", ["filters"]),
        ("rules: [{logs: '{}', age: 1h}]", ["everything"]),
        ("rules: [{metrics: 'm', bytes: 1GB}]", ["bytes"]),
        ("rules: [{metrics: 'm', age: 1ms}]", ["age"]),
        ("rules: [{metrics: 'm(', age: 1h}]", ["metrics"]),
        ("rule: []", ["rule"]),
    ]:
        rules.write_text(text)
        run = subprocess.run(
            [BINARY, "serve", "--data", str(tmp_path / "data"), "--retention-rules", str(rules)],
            capture_output=True, text=True, timeout=30)
        assert run.returncode == 2 and run.stderr.count("\n") == 1, run.stderr
        for word in words:
            assert word in run.stderr, (text, run.stderr)
