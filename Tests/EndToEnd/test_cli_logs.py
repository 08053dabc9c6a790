"""`varve logs` with the habits of grep and logcli, and what lists labels and streams."""

import json
import os
import subprocess

import pytest

from conftest import BINARY
from test_http import now_ns, push

LINES = [
    ("shop", "payment failed for order 4711"),
    ("shop", "payment done for order 4712"),
    ("web", "GET /failed 200"),
    ("web", "unfailed attempt"),
    ("web", "Failed again"),
]


@pytest.fixture
def logs(server):
    stamp = now_ns() - 10 * 10**9
    for place, (app, line) in enumerate(LINES):
        push(server, [[str(stamp + place * 10**9), line]], labels={"app": app, "host": "h1"})

    def run(*arguments, code=0):
        result = server.cli("logs", *arguments)
        assert result.returncode == code, result
        return result.stdout.splitlines()

    run.server = server
    run.start = stamp
    return run


def test_what_is_found(logs):
    def texts(*arguments, code=0):
        return logs("--output", "raw", *arguments, code=code)

    every = [line for _, line in LINES]
    assert texts() == every
    assert texts("failed") == [every[0], every[2], every[3]]
    assert texts("-w", "failed") == [every[0], every[2]]
    assert texts("-w", "-i", "failed") == [every[0], every[2], every[4]]
    assert texts("-e", "4711", "-e", "GET.*00$") == [every[0], every[2]]
    assert texts("-F", "-e", "4.11", code=1) == []
    assert texts("-v", "-i", "failed") == [every[1]]
    assert texts('{app="web"}', "failed") == [every[2], every[3]]
    assert texts('{app="web"} |= "failed"', "-e", "^GET") == [every[2]]
    assert texts("-m", "2") == every[-2:]
    assert texts("-m", "2", "--forward") == every[:2]
    assert texts("-o", "-e", "order [0-9]+") == ["order 4711", "order 4712"]
    assert texts("-B", "1", "done") == every[:2]
    assert texts("-q", "failed") == [] and texts("-q", "nosuch", code=1) == []


def test_lines_around(make_server):
    """Of two streams that differ in labels of their own, and beyond the time that is asked for."""
    server = make_server()
    start = now_ns() - 100 * 10**9
    for place in range(40):
        for job in ("one", "two"):
            line = f"{job} {place}" + (" needle" if place in (10, 12, 20, 39) else "")
            push(server, [[str(start + place * 10**9), line]], labels={"job": job, "app": "a"})

    def lines(*arguments):
        return server.cli("logs", "--output", "raw", *arguments).stdout.splitlines()

    def group(job, *places):
        return [f"{job} {place}" + (" needle" if place in (10, 12, 20, 39) else "")
                for place in places]

    assert lines('{job="two"}', "needle", "-C", "1") == [
        *group("two", 9, 10, 11, 12, 13), "--", *group("two", 19, 20, 21), "--",
        *group("two", 38, 39)]
    assert lines("needle", "-A", "1", "-n", "0", "--to", str(start // 10**9 + 12)) == [
        *group("one", 10, 11), "--", *group("two", 10, 11)]
    assert lines("needle", "-B", "2", "-n", "4") == [
        *group("one", 18, 19, 20), "--", *group("two", 18, 19, 20), "--",
        *group("one", 37, 38, 39), "--", *group("two", 37, 38, 39)]
    assert lines('{job="one"}', "needle", "-B", "1", "-A", "40", "--forward", "-n", "1") == (
        group("one", *range(9, 40)))
    assert "query.context_lines_max" in server.cli("logs", "needle", "-C", "101").stderr


def test_what_is_printed(logs):
    assert logs("-c", "failed") == ["3"]
    assert logs("-c", "nosuch", code=1) == ["0"]
    assert logs("-l", "failed") == ["h1 web", "h1 shop"]
    assert logs("-l", "-c", "failed") == ["2 h1 web", "1 h1 shop"]
    assert '{app="shop", detected_level="unknown", host="h1"}' in logs("--labels", "4711")[0]
    one = json.loads(logs("--output", "jsonl", "4711")[0])
    assert one["line"] == LINES[0][1] and one["labels"]["app"] == "shop"
    colored = logs("--color", "always", "-w", "-e", "fail(ed)?")[0]
    assert "\x1b[1;31mfailed\x1b[0m" in colored
    said = logs.server.cli("logs", "--stats", "failed").stderr
    assert "3 lines" in said and "searched in" in said and "complete" in said


def test_patterns(logs):
    forms = logs("--patterns", "--output", "jsonl", "payment")
    found = {json.loads(line)["line"]: json.loads(line)["labels"]["count"] for line in forms}
    assert sum(map(int, found.values())) == 2 and all("<_>" in text for text in found), found
    assert logs("--patterns", "nosuch", code=1) == []


def test_a_histogram(logs):
    picture = logs("--histogram", "--since", "5m", "failed")
    assert picture[-1].startswith("3 lines, a column is")
    assert any("█" in line for line in picture), picture
    assert logs("--histogram", "nosuch", code=1) == []


def test_explain(logs):
    server = logs.server
    server.flush()
    push(server, [[str(now_ns()), "not sealed"]])
    said = logs("--explain", '{app="web"}', "failed", "attempt")
    assert said[1] == 'words  "…failed…" and "…attempt…"', said
    assert said[-1].split()[0] == "1", said
    plan = server.get("/api/v1/logs/explain", query='{app="web"} |= " nosuch "', start=0)["data"]
    assert plan["words"] == '"nosuch"'
    sources = [source for shard in plan["shards"] for source in shard["sources"]]
    assert all(
        one["blocks"] >= one["inTime"] >= one["ofStreams"] >= one["toRead"] for one in sources)
    sealed = [one for one in sources if one["name"] != "memory"]
    assert sum(one["ofStreams"] for one in sealed) > sum(one["toRead"] for one in sealed) == 0
    late = server.get("/api/v1/logs/explain", query="{}", start=now_ns() + 10**12)["data"]
    assert sum(shard["segmentsOutOfTime"] for shard in late["shards"]) == len(sealed)
    assert server.request("GET", "/api/v1/logs/explain", query="rate({}[5m])")[0] == 422


def test_hits_over_time(logs):
    server, start = logs.server, logs.start

    def hits(**parameters):
        return server.get(
            "/api/v1/logs/hits", start=start, end=start + 5 * 10**9 - 1, **parameters)["data"]

    answer = hits(query="{}", step="1s")
    assert answer["hits"] == [{"labels": {}, "counts": [1, 1, 1, 1, 1], "total": 5}]
    assert hits(query="{}", step="2s")["hits"][0]["counts"] == [2, 2, 1]
    assert hits(query="failed")["hits"][0]["counts"] == [3]
    by = hits(query="failed", ignore_case=1, by="app")["hits"]
    assert [(one["labels"], one["total"]) for one in by] == [({"app": "web"}, 3), ({"app": "shop"}, 1)]
    for parameters, word in [
        ({"query": "rate({}[5m])"}, "query"), ({"query": "x", "step": "0"}, "step"),
        ({"query": "x", "step": "1us"}, "step"), ({"query": "x", "by": "a) or b"}, "by"),
        ({"query": "x", "end": start}, "end"), ({}, "query"),
    ]:
        asked = {"start": start, "end": start + 10**9, **parameters}
        status, body = server.request("GET", "/api/v1/logs/hits", **asked)
        assert status == 400 and word in json.loads(body)["error"], (parameters, body)


def test_standard_input():
    def run(*arguments, text, code=0):
        result = subprocess.run(
            [BINARY, "logs", "--stdin", *arguments], input=text, capture_output=True, timeout=60)
        assert result.returncode == code, result
        return result.stdout.decode()

    text = b'{"level":"error","n":1}\n{"level":"info","n":2}\nplain \xff\nno newline'
    assert run(text=text) == text.decode(errors="replace") + "\n"
    assert run('| json | level="error"', text=text) == '{"level":"error","n":1}\n'
    assert run('| json | line_format "{{.n}}" | level="info"', text=text) == "2\n"
    assert run("-c", "-e", "^[pn]", text=text) == "2\n"
    assert run("-o", "-e", "new.*", text=text) == "newline\n"
    assert run("newline", "plain", text=text, code=1) == ""
    assert run("-q", "x", text=b"", code=1) == ""
    assert run("-f", text=b"", code=2) == ""
    assert run('{source="stdin"}', "plain", text=text).startswith("plain")
    many = b"".join(b"line %d\n" % number for number in range(300_000))
    assert run("-c", "line 299", text=many) == "1111\n"


def test_labels_series_and_stats(logs):
    cli = logs.server.cli
    assert set(cli("labels").stdout.split()) >= {"app", "host"}
    assert cli("labels", "app").stdout.split() == ["shop", "web"]
    assert cli("labels", "app", "--selector", '{app="web"}').stdout.split() == ["web"]
    assert cli("labels", "nosuch").returncode == 1
    assert '{app="shop", host="h1"}' in cli("series", '{app="shop"}').stdout
    table = cli("series", "--analyze-labels").stdout
    assert "2 streams" in table and "LABEL" in table
    told = cli("stats", '{app="web"}').stdout.splitlines()
    assert told[:2] == ["streams 1", "lines   3"], told
    logs.server.request("POST", "/api/v1/import/prometheus", b'm{a="b"} 1\n')
    assert cli("labels", "--metrics", "a").stdout == "b\n"
    assert cli("series", "--metrics", "m").stdout == 'm{a="b"}\n'
    wrong = cli("series", "{app=")
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1


def test_a_profile_says_where(logs, tmp_path):
    server = logs.server
    file = tmp_path / "client.toml"
    file.write_text(
        f'profile = "here"\n[profiles.here]\naddr = "{server.url}"\n'
        '[profiles.gone]\naddr = "127.0.0.1:1"\ntoken = "t"\n[profiles.odd]\nadr = "x"\n')

    def run(*arguments, **variables):
        return subprocess.run(
            [BINARY, "logs", "4711", *arguments], capture_output=True, text=True, timeout=60,
            env=dict(os.environ, VARVE_CLIENT_CONFIG=str(file), **variables))

    assert "4711" in run().stdout
    assert run("--profile", "gone").returncode == 2
    assert "4711" in run("--profile", "gone", "--addr", server.url).stdout
    assert "4711" in run(VARVE_PROFILE="gone", VARVE_ADDR=server.url).stdout
    for arguments, word in [
        (("--profile", "nosuch"), "nosuch"), (("--profile", "odd"), "adr"),
    ]:
        said = run(*arguments)
        assert said.returncode == 2 and word in said.stderr and said.stderr.count("\n") == 1
    file.write_text("profile = \n")
    assert run().returncode == 2
    # A file that is there and can not be read is no reason to ask another server.
    file.write_bytes(b"profile = \"\xff\"\n")
    said = run()
    assert said.returncode == 2 and "cannot read" in said.stderr, said


def test_completions_of_the_shell():
    for shell in ["bash", "zsh", "fish"]:
        script = subprocess.run(
            [BINARY, "--generate-completion-script", shell], capture_output=True, text=True)
        assert script.returncode == 0 and "histogram" in script.stdout
