"""The commands as a person types them."""

import json
import os
import pathlib
import subprocess

import pytest

from conftest import BINARY, until
from test_http import now_ns, push


def test_query_prints_a_table_and_a_chart(server):
    server.statsd("web.hits:3|c|#env:prod")
    until(lambda: server.value("web_hits") == 3)
    table = server.cli("query", "web_hits")
    assert table.returncode == 0, table.stderr
    assert "env" in table.stdout and "prod" in table.stdout and "3" in table.stdout
    window = server.cli("query", "web_hits[5m]").stdout.splitlines()
    assert "TIME" in window[0], window
    assert [line.split()[-1] for line in window[1:3]] == ["0", "3"], "its birth, its first value"
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


def test_inspect_names_damage_and_what_it_cannot_read(make_server, tmp_path):
    server = make_server()
    empty = server.cli("inspect", server.directory)
    assert empty.returncode == 1 and "journal" in empty.stdout
    stamp = now_ns()
    push(server, [[str(stamp + i), f"line {i}"] for i in range(500)])
    server.flush()
    live = server.cli("inspect", server.directory, "--verify")
    assert live.returncode == 0, live.stderr
    server.stop()
    shards = pathlib.Path(server.directory) / "shards"
    largest = max(
        (path for path in shards.rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 0x55
    largest.write_bytes(content)
    damaged = server.cli("inspect", server.directory, "--verify")
    assert damaged.returncode == 2 and largest.name.split(".")[0] in damaged.stderr
    missing = server.cli("inspect", str(tmp_path / "nowhere"))
    assert missing.returncode == 2 and missing.stderr.count("\n") == 1
    (pathlib.Path(server.directory) / "varve.format").write_text(
        "varve data directory\nformat 99\nshards 16\n")
    newer = server.cli("inspect", server.directory)
    assert newer.returncode == 2 and "newer" in newer.stderr and newer.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments, words", [
    (["logs", "--color", "sometimes"], ["sometimes", "auto"]),
    (["logs", "-n", "many"], ["many"]),
    (["logs", "--limit=-3"], ["-3"]),
    (["logs", "-C", "x"], ["x"]),
    (["logs", "--nosuch"], ["nosuch"]),
    (["logs", "x", "--since", "10x"], ["since", "10x"]),
    (["logs", "x", "--from", "yesterday"], ["from", "yesterday"]),
    (["query", "1", "--range", "x"], ["range", "x"]),
    (["query", "1", "--range", "1h", "--step", "0"], ["step"]),
    (["query"], ["expression"]),
    (["nosuch"], ["nosuch"]),
    (["logs", "x", "--addr", "127.0.0.1:1"], ["127.0.0.1:1"]),
    (["query", "1", "--addr", "nowhere.invalid:1"], ["nowhere.invalid"]),
    (["logs", "x", "--tenant", "a/b"], ["tenant", "a/b"]),
])
def test_what_is_wrong_is_one_line_and_exit_status_two(server, arguments, words):
    result = server.cli(*arguments)
    assert result.returncode == 2, result
    assert result.stderr.count("\n") == 1 and result.stdout == "", result
    for word in words:
        assert word in result.stderr


def test_a_reader_that_goes_away_is_no_error(server):
    push(server, [[str(now_ns() + i), f"line {i} " + "x" * 200] for i in range(5_000)])
    process = subprocess.run(
        ["bash", "-c", f"{BINARY} logs -n 0 line --addr {server.url} | head -1"],
        capture_output=True, text=True, timeout=60)
    assert process.stdout.count("\n") == 1 and process.stderr == ""


def test_tenants_on_the_command_line(server):
    push(server, [[str(now_ns()), "of a"]], tenant="a")
    assert "of a" in server.cli("logs", "--tenant", "a").stdout
    assert server.cli("logs").returncode == 1
    found = subprocess.run(
        [BINARY, "logs", "--addr", server.url], capture_output=True, text=True,
        env=dict(os.environ, VARVE_TENANT="a"))
    assert found.returncode == 0 and "of a" in found.stdout


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
