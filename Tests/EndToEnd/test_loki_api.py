"""What Grafana's Loki data source, its Logs Drilldown app and logcli ask, in the shapes that they
read, and whether the numbers are those that were sent. Source: grafana/grafana, the Loki data
source; grafana/logs-drilldown; Loki documentation, "HTTP API"."""

import json
import random
import time
import urllib.parse
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from conftest import until
from websocket import WebSocket

SECOND = 10**9
END = time.time_ns() // (60 * SECOND) * 60 * SECOND - 60 * SECOND
START = END - 600 * SECOND
SPAN = {"start": START, "end": END}
FLAGS = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}

# One line a second: 600 of shop, in JSON, and 60 of db, in logfmt.
SHOP = [(START + at * SECOND,
         json.dumps({"status": 200 + at % 2 * 300, "took": f"{at % 7}ms", "user": f"u{at % 3}"}))
        for at in range(600)]
DB = [(START + at * 10 * SECOND, f"query {at} of table users took={at}.5 rows={at}")
      for at in range(60)]

RULES = """
groups:
- name: errors
  type: logql
  interval: 1h
  rules:
  - alert: Broken
    expr: sum(count_over_time({app="shop"} |= "500" [5m])) > 1e9
    for: 5m
    labels: {severity: page}
    annotations: {summary: "broken"}
- name: metrics
  rules:
  - record: a:b
    expr: sum(up)
"""


def push(server, streams, **headers):
    body = json.dumps({"streams": [
        {"stream": labels, "values": [[str(stamp), *rest] for stamp, *rest in lines]}
        for labels, lines in streams]}).encode()
    status, answer = server.request(
        "POST", "/loki/api/v1/push", body, {"Content-Type": "application/json", **headers})
    assert status == 204, answer


@pytest.fixture(scope="module")
def loki(tmp_path_factory):
    from conftest import Server

    folder = tmp_path_factory.mktemp("loki")
    (folder / "rules.yaml").write_text(RULES)
    server = Server(
        folder / "data", "--rules", str(folder / "rules.yaml"), "--admin-api").start()
    push(server, [
        ({"app": "shop", "env": "prod", "pod": "shop-1"},
         [(stamp, line, {"trace_id": f"t{at}", "detected_level": "error" if at % 2 else "info"})
          for at, (stamp, line) in enumerate(SHOP)]),
        ({"app": "db", "env": "prod"}, DB),
    ])
    yield server
    server.kill()
    server.log.close()


def size(lines):
    return sum(len(line) for _, line in lines)


def test_save_and_test(loki):
    answer = loki.get("/loki/api/v1/query", query="vector(1)+vector(1)", time=END)
    assert answer["status"] == "success" and answer["data"]["resultType"] == "vector"
    assert answer["data"]["result"] == [{"metric": {}, "value": [END // SECOND, "2"]}]
    build = loki.get("/loki/api/v1/status/buildinfo")
    assert set(build) >= {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}
    assert loki.get_text("/ready").strip() == "ready"
    assert "target" in loki.get_text("/config")
    assert loki.get("/loki/api/v1/format_query", query='{app="a"}|="b"') == {
        "status": "success", "data": '{app="a"} |= "b"'}


def test_labels(loki):
    assert loki.get("/loki/api/v1/labels", **SPAN) == {
        "status": "success", "data": ["app", "env", "pod"]}
    assert loki.get("/loki/api/v1/label/app/values", **SPAN)["data"] == ["db", "shop"]
    assert loki.get("/loki/api/v1/label/app/values", query='{pod=~".+"}', **SPAN)["data"] == [
        "shop"]
    assert loki.get("/loki/api/v1/series", **SPAN, **{"match[]": '{app="db"}'}) == {
        "status": "success", "data": [{"app": "db", "env": "prod"}]}
    assert loki.get("/loki/api/v1/labels", tenant="other", **SPAN)["data"] == []


def test_lines(loki):
    answer = loki.get("/loki/api/v1/query_range", query='{app="db"}', limit=3, **SPAN)["data"]
    assert answer["resultType"] == "streams"
    (stream,) = answer["result"]
    assert stream["values"] == [[str(stamp), line] for stamp, line in DB[:-4:-1]]
    forward = loki.get("/loki/api/v1/query_range", query='{app="db"}', limit=3,
                       direction="forward", **SPAN)["data"]["result"][0]["values"]
    assert forward == [[str(stamp), line] for stamp, line in DB[:3]]
    # At most one line of a stream in 100 s.
    thin = loki.get("/loki/api/v1/query_range", query='{app="db"}', interval="100s",
                    direction="forward", **SPAN)["data"]["result"][0]["values"]
    assert thin == [[str(stamp), line] for stamp, line in DB[::10]]
    two = loki.get("/loki/api/v1/query_range", query='{app="db"}', interval="100s", limit=2,
                   **SPAN)["data"]["result"][0]["values"]
    assert two == [[str(stamp), line] for stamp, line in (DB[59], DB[49])]
    # `since` counts back from the end.
    late = loki.get("/loki/api/v1/query_range", query='{app="db"}', since="30s", end=END)
    assert [line for _, line in late["data"]["result"][0]["values"]] == [
        line for _, line in DB[:-4:-1]]


def test_structured_metadata_is_told_apart(loki):
    status, body = loki.request(
        "GET", "/loki/api/v1/query_range", headers=FLAGS, limit=1,
        query='{app="shop"} | json | status=500', **SPAN)
    data = json.loads(body)["data"]
    assert status == 200 and data["encodingFlags"] == ["categorize-labels"]
    (stream,) = data["result"]
    assert stream["stream"] == {"app": "shop", "env": "prod", "pod": "shop-1"}
    ((stamp, line, categories),) = stream["values"]
    assert (int(stamp), line) == SHOP[-1]
    assert categories == {
        "structuredMetadata": {"trace_id": "t599", "detected_level": "error"},
        "parsed": {"status": "500", "took": "4ms", "user": "u2"}}
    assert {"totalBytesProcessed", "totalLinesProcessed"} <= set(data["stats"]["summary"])


def test_numbers(loki):
    query = 'sum by (app, detected_level) (count_over_time({env="prod"}[1m]))'
    answer = loki.get("/loki/api/v1/query_range", query=query, step="60s",
                      start=START + 60 * SECOND, end=END - 60 * SECOND)["data"]
    assert answer["resultType"] == "matrix"
    counts = {tuple(sorted(one["metric"].items())): {value for _, value in one["values"]}
              for one in answer["result"]}
    assert counts == {
        (("app", "db"), ("detected_level", "unknown")): {"6"},
        (("app", "shop"), ("detected_level", "error")): {"30"},
        (("app", "shop"), ("detected_level", "info")): {"30"}}
    form = urllib.parse.urlencode({"query": query, "time": END}).encode()
    status, body = loki.request(
        "POST", "/loki/api/v1/query", form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200 and len(json.loads(body)["data"]["result"]) == 3


def test_how_much_there_is(loki):
    stats = loki.get("/loki/api/v1/index/stats", query='{env="prod"}', **SPAN)
    assert (stats["streams"], stats["entries"], stats["bytes"]) == (
        2, 660, size(SHOP) + size(DB))
    assert set(stats) == {"streams", "chunks", "entries", "bytes"}

    volume = loki.get("/loki/api/v1/index/volume", query='{app=~".+"}', **SPAN)["data"]
    assert volume["resultType"] == "vector"
    assert [(one["metric"], one["value"][1]) for one in volume["result"]] == [
        ({"app": "shop"}, str(size(SHOP))), ({"app": "db"}, str(size(DB)))]
    assert volume["result"][0]["value"][0] == END / SECOND

    by_env = loki.get("/loki/api/v1/index/volume", query='{app=~".+"}', targetLabels="env",
                      **SPAN)["data"]["result"]
    assert [(one["metric"], one["value"][1]) for one in by_env] == [
        ({"env": "prod"}, str(size(SHOP) + size(DB)))]
    by_label = loki.get("/loki/api/v1/index/volume", query='{app=~".+"}', aggregateBy="labels",
                        **SPAN)["data"]["result"]
    assert {tuple(one["metric"].items()): one["value"][1] for one in by_label} == {
        (("app", ""),): str(size(SHOP) + size(DB)), (("env", ""),): str(size(SHOP) + size(DB)),
        (("pod", ""),): str(size(SHOP))}
    one = loki.get("/loki/api/v1/index/volume", query='{app=~".+"}', limit=1, **SPAN)
    assert len(one["data"]["result"]) == 1

    ranged = loki.get("/loki/api/v1/index/volume_range", query='{app="db"}', step="300s",
                      **SPAN)["data"]
    assert ranged["resultType"] == "matrix"
    values = ranged["result"][0]["values"]
    assert [at for at, _ in values] == [(START + at * SECOND) / SECOND for at in (300, 600)]
    # A point counts what came from the one before it on, up to itself.
    assert [int(value) for _, value in values] == [size(DB[:30]), size(DB[30:])]


def test_patterns(loki):
    answer = loki.get("/loki/api/v1/patterns", query='{app="db"}', step="60s", **SPAN)
    assert answer["status"] == "success"
    (pattern,) = answer["data"]
    assert pattern["pattern"] == "query <_> of table users took=<_>.<_> rows=<_>"
    assert pattern["level"] == "unknown"
    assert pattern["samples"] == [[START // SECOND + minute * 60, 6] for minute in range(10)]
    # A pattern is a filter that finds its lines.
    found = loki.lines('{app="db"} |> "%s"' % pattern["pattern"], **SPAN)
    assert len(found) == 60
    shop = loki.get("/loki/api/v1/patterns", query='{app="shop"}', **SPAN)["data"]
    assert sum(count for one in shop for _, count in one["samples"]) == 600
    assert {one["level"] for one in shop} == {"error", "info"}


def test_detected(loki):
    labels = loki.get("/loki/api/v1/detected_labels", query='{env="prod"}', **SPAN)
    assert labels == {"detectedLabels": [
        {"label": "app", "cardinality": 2}, {"label": "env", "cardinality": 1},
        {"label": "pod", "cardinality": 1}]}
    answer = loki.get(
        "/loki/api/v1/detected_fields", query='{env="prod"}', line_limit=1000, **SPAN)
    fields = {one["label"]: one for one in answer["fields"]}
    assert answer["limit"] == 1000
    assert fields["status"] == {
        "label": "status", "type": "int", "cardinality": 2, "parsers": ["json"]}
    assert fields["took"]["cardinality"] == 7 + 60
    assert set(fields["took"]["parsers"]) == {"json", "logfmt"}
    assert fields["rows"] == {
        "label": "rows", "type": "int", "cardinality": 60, "parsers": ["logfmt"]}
    assert fields["detected_level"] == {
        "label": "detected_level", "type": "string", "cardinality": 3, "parsers": None}
    values = loki.get("/loki/api/v1/detected_field/user/values", query='{app="shop"}', limit=2,
                      **SPAN)
    assert values == {"values": ["u0", "u1"], "limit": 2}


def test_drilldown_limits(loki):
    limits = loki.get("/loki/api/v1/drilldown-limits")
    assert limits["pattern_ingester_enabled"] is True and limits["version"]
    assert limits["limits"]["volume_enabled"] is True
    assert limits["limits"]["discover_log_levels"] is True
    assert {"max_query_series", "query_timeout", "retention_period", "log_level_fields",
            "discover_service_name"} <= set(limits["limits"])


def test_rules(loki):
    text = loki.get_text("/loki/api/v1/rules")
    assert text.startswith('"rules.yaml":\n  - name: "errors"\n    interval: 3600000ms\n')
    assert '      - alert: "Broken"\n' in text and "a:b" not in text
    assert loki.get_text("/loki/api/v1/rules/rules.yaml/errors").startswith('name: "errors"\n')
    status, body = loki.request("GET", "/loki/api/v1/rules/other")
    assert status == 404 and "no rule groups found" in json.loads(body)["error"]
    groups = loki.get("/prometheus/api/v1/rules")["data"]["groups"]
    assert [group["name"] for group in groups] == ["errors", "metrics"]
    assert groups[0]["rules"][0]["query"].startswith("(sum(count_over_time") or groups[0][
        "rules"][0]["query"].startswith("sum(count_over_time")
    assert loki.get("/prometheus/api/v1/alerts") == {"status": "success", "data": {"alerts": []}}


@pytest.mark.parametrize("path, parameters, word", [
    ("query_range", {"query": '{app="a"'}, "parse error"),
    ("query_range", {}, "query"),
    ("query_range", {"query": '{a="b"}', "start": "soon"}, "start"),
    ("query_range", {"query": '{a="b"}', "limit": "-1"}, "limit"),
    ("query_range", {"query": '{a="b"}', "direction": "up"}, "direction"),
    ("query_range", {"query": '{a="b"}', "interval": "x"}, "interval"),
    ("query_range", {"query": 'rate({a="b"}[1m])', "step": "0"}, "step"),
    ("index/volume", {"query": '{a="b"}', "aggregateBy": "moon"}, "aggregateBy"),
    ("index/volume", {"query": '{a="b"}', "targetLabels": "a-b"}, "targetLabels"),
    ("index/volume", {"query": '{a="b"} | json'}, "label matchers"),
    ("index/volume", {"query": '{a="b"}', "limit": "0"}, "limit"),
    ("index/volume_range", {"query": '{a="b"}', "step": "-1"}, "step"),
    ("patterns", {"query": 'rate({a="b"}[1m])'}, "query"),
    ("detected_fields", {"query": '{a="b"}', "line_limit": "1000000"}, "line_limit"),
    ("detected_field/a/values", {"query": '{a="b"}', "limit": "0"}, "limit"),
    ("tail", {"query": '{a="b"}'}, "WebSocket"),
])
def test_a_wrong_parameter_is_named(loki, path, parameters, word):
    status, body = loki.request("GET", f"/loki/api/v1/{path}", **parameters)
    answer = json.loads(body)
    assert status == 400 and answer["status"] == "error" and word in answer["error"], answer


def tail(server, **parameters):
    return WebSocket(
        server.http_port, "/loki/api/v1/tail?" + urllib.parse.urlencode(parameters))


def entries(message):
    message = json.loads(message)
    assert message["dropped_entries"] is None
    return [(one["stream"], *value) for one in message["streams"] for value in one["values"]]


def test_tail(make_server):
    server = make_server()
    now = time.time_ns()
    push(server, [({"app": "live"}, [(now - at, f"old {at}") for at in range(5)])])
    socket = tail(server, query='{app="live"} != "skip"', limit=3)
    assert socket.head.startswith("HTTP/1.1 101"), socket.head
    assert "chunked" not in socket.head.lower()
    labels = {"app": "live", "detected_level": "unknown"}
    assert entries(socket.text()) == [
        (labels, str(now - at), f"old {at}") for at in (2, 1, 0)]
    seen = []
    for at in range(20):
        push(server, [({"app": "live"}, [(now + at, f"new {at}"), (now + at, "skip")]),
                      ({"app": "else"}, [(now, "not mine")])])
        if at % 5 == 0:
            socket.send(9, b"there?")
    while len(seen) < 20:
        seen += entries(socket.text())
    assert seen == [(labels, str(now + at), f"new {at}") for at in range(20)]
    socket.send(8, b"\x03\xe8")
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            socket.frame()
    until(lambda: "tail-heartbeat" not in server.thread_names(), what="the tail's timer gone")
    # Another is there when the server stops, and does not hold it up.
    socket = tail(server, query='{app="live"}', limit=0)
    before = time.monotonic()
    assert server.stop() == 0 and time.monotonic() - before < 8
    socket.close()


def test_tail_is_refused_with_words(make_server):
    server = make_server()
    for parameters, word in [({"query": '{app="a"'}, "parse"),
                             ({"query": 'rate({a="b"}[1m])'}, "log queries"),
                             ({"query": '{a="b"}', "delay_for": 9}, "delay_for"),
                             ({"query": '{a="b"}', "limit": 10**9}, "limit")]:
        socket = tail(server, **parameters)
        assert " 400 " in socket.head.splitlines()[0], socket.head
        while not socket.rest.endswith(b"}"):
            socket.receive()
        assert word in socket.rest.decode()
        socket.close()


def test_deletions_are_listed(make_server):
    server = make_server("--admin-api")
    now = int(time.time())
    push(server, [({"app": "gone"}, [((now - 10) * SECOND, "x")])])
    assert server.get("/loki/api/v1/delete") == []
    status, body = server.request(
        "POST", "/loki/api/v1/delete", b"", query='{app="gone"} |= "x"', start=now - 100, end=now)
    assert status == 204, body
    (one,) = server.get("/loki/api/v1/delete")
    assert one["query"] == '{app="gone"} |= "x"'
    assert (one["start_time"], one["end_time"]) == (now - 100, now)
    assert abs(one["created_at"] - time.time()) < 60 and one["request_id"]
    assert server.get("/loki/api/v1/delete", tenant="other") == []
    assert server.request("POST", "/api/v1/admin/tsdb/clean_tombstones", b"")[0] == 204
    until(lambda: server.get("/loki/api/v1/delete")[0]["status"] == "processed", seconds=60,
          what="the space is free")


def test_deis(make_server):
    server = make_server("--admin-api")
    first = int(time.time()) - 100
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%SUTC", time.gmtime(first + at)) for at in range(3)]
    lines = [f"{stamp} myapp[web.{at}]: line {at}" for at, stamp in enumerate(stamps)]
    server.syslog_tcp("".join(line + "\n" for line in lines).encode())
    until(lambda: server.request("GET", "/myapp", log_lines=5)[0] == 200, what="the app's lines")
    until(lambda: server.get_text("/logs/myapp") == "\n".join(lines) + "\n", what="all lines")
    assert server.get_text("/myapp", log_lines=2) == "\n".join(lines[1:]) + "\n"
    assert server.get_text("/logs/myapp/", log_lines=1) == lines[2] + "\n"
    assert server.request("GET", "/logs/other")[0] == 204
    assert server.request("GET", "/other", log_lines=3)[0] == 204
    assert server.request("GET", "/other")[0] == 404
    assert server.request("GET", "/Other.ico", log_lines=3)[0] == 404
    status, body = server.request("GET", "/logs/myapp", log_lines="many")
    assert status == 400 and "log_lines" in json.loads(body)["error"]
    assert server.get_text("/healthz") is not None
    assert server.request("DELETE", "/logs/myapp")[0] == 204
    assert server.request("GET", "/logs/myapp")[0] == 204


def test_times_of_zones(make_server):
    """As Python's copy of the time zone database has them."""
    server = make_server()
    chance = random.Random(7)
    names = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
             "America/St_Johns", "Pacific/Apia", "Europe/Dublin", "UTC"]
    now = time.time_ns()
    wanted = {}
    for number in range(300):
        zone = chance.choice(names)
        local = datetime(1950, 1, 1) + timedelta(seconds=chance.randrange(100 * 366 * 86_400))
        moment = local.replace(tzinfo=ZoneInfo(zone))
        again = moment.astimezone(timezone.utc).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        # Hours that do not exist or come twice are other tests'.
        if again == local and moment.utcoffset() == moment.replace(fold=1).utcoffset():
            wanted[f"{local:%Y-%m-%dT%H:%M:%S}"] = (zone, int(moment.timestamp()))
    push(server, [({"app": "zones", "zone": zone}, [(now, text)])
                  for text, (zone, _) in wanted.items()])
    found = server.lines(
        '{app="zones"} | line_format `{{ __line__ }} '
        '{{ toDateInZone "2006-01-02T15:04:05" .zone __line__ | unixEpoch }}`')
    assert len(found) == len(wanted) > 250
    for _, _, line in found:
        text, seconds = line.split()
        assert wanted[text][1] == int(seconds), (text, wanted[text], seconds)
