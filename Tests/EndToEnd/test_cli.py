"""The commands as a person types them."""

import json
import subprocess

from conftest import BINARY, until
from test_http import now_ns, push


def test_query_prints_a_table_and_a_chart(server):
    server.statsd("web.hits:3|c|#env:prod")
    until(lambda: server.value("web_hits") == 3)
    table = server.cli("query", "web_hits")
    assert table.returncode == 0, table.stderr
    assert "env" in table.stdout and "prod" in table.stdout and "3" in table.stdout
    chart = server.cli("query", "web_hits", "--range", "15m")
    assert chart.returncode == 0, chart.stderr
    assert "┤" in chart.stdout
    assert server.cli("query", "nothing_here").returncode == 1
    broken = server.cli("query", "sum(")
    assert broken.returncode == 2 and broken.stderr.count("\n") == 1


def test_logs_finds_words_selectors_and_queries(server):
    stamp = now_ns()
    lines = ["payment failed for order 4711", "payment done for order 4712", "Failed again"]
    push(server, [[str(stamp + i), line] for i, line in enumerate(lines)])
    found = server.cli("logs", "failed")
    assert found.returncode == 0, found.stderr
    assert "4711" in found.stdout and "4712" not in found.stdout
    assert len(server.cli("logs", "-i", "failed").stdout.splitlines()) == 2
    assert len(server.cli("logs", "-v", "failed").stdout.splitlines()) == 2
    assert "4712" in server.cli("logs", '{app="shop"} |= "done"').stdout
    assert server.cli("logs", "nosuchword").returncode == 1
    assert server.cli("logs", '{app=').returncode == 2
    newest = server.cli("logs", "-n", "1", "--json").stdout.splitlines()
    assert [json.loads(line)["line"] for line in newest] == ["Failed again"]
    around = server.cli("logs", "-C", "1", "4712").stdout.splitlines()
    assert len(around) == 3


def test_logs_follows(server):
    stamp = now_ns()
    push(server, [[str(stamp), "already there"]])
    process = subprocess.Popen(
        [BINARY, "logs", "-f", "--addr", server.url], stdout=subprocess.PIPE, text=True)
    try:
        assert "already there" in process.stdout.readline()
        # Until the follower is subscribed new lines would not reach it: keep sending.
        seen = []

        def send():
            push(server, [[str(now_ns()), "comes in live"]])
            return (server.metric("varve_http_requests_total", method="GET") or 0) > 0

        until(send)
        import threading
        reader = threading.Thread(target=lambda: seen.append(process.stdout.readline()))
        reader.start()
        until(lambda: (send(), bool(seen))[1], what="a followed line")
        assert "comes in live" in seen[0]
    finally:
        process.kill()
        process.wait()


def test_inspect_lists_and_verifies(server):
    stamp = now_ns()
    push(server, [[str(stamp + i), f"line {i}"] for i in range(500)])
    server.request("POST", "/api/v1/import/prometheus", b"a 1\nb 2\n")
    server.flush()
    server.stop()
    listing = server.cli("inspect", server.directory)
    assert listing.returncode == 0, listing.stderr
    assert "log" in listing.stdout and "metric" in listing.stdout
    checked = server.cli("inspect", server.directory, "--verify")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_wrong_settings_are_one_line(server, tmp_path):
    cases = [
        (["--retention", "soon"], "retention"),
        (["--http", "nowhere"], "http"),
        (["--config", str(tmp_path / "none.toml")], "none.toml"),
    ]
    for flags, word in cases:
        result = server.cli("serve", "--data", str(tmp_path / "other"), *flags)
        assert result.returncode == 2 and word in result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
    file = tmp_path / "varve.toml"
    file.write_text('retension = "5d"\n')
    result = server.cli("serve", "--config", str(file))
    assert result.returncode == 2 and "retension" in result.stderr


def test_help_documents_every_source(server):
    text = server.cli("serve", "--help").stdout
    for word in ["--retention", "VARVE_RETENTION", "retention", "SIGHUP"]:
        assert word in text
