"""The level that lines get when they come in, and that Logs Drilldown and the volume of logs find it:
`detected_level`, as Loki 3 gives it. Source: grafana/loki pkg/distributor/field_detection.go."""

import json
import time

from conftest import until
from test_loki_api import push
from test_otlp import JSON, post

SECOND = 10**9


def levels(server, query, by="detected_level"):
    """Lines by level, as the volume of logs asks for them."""
    answer = server.get(
        "/loki/api/v1/query", query=f"sum by ({by}) (count_over_time({query}[5m]))")
    return {
        tuple(sorted(one["metric"].items())): int(one["value"][1])
        for one in answer["data"]["result"]}


def of(level, count=1):
    return {(("detected_level", level),): count}


def test_pushes_have_levels(make_server):
    server = make_server()
    now = time.time_ns() - SECOND
    push(server, [
        ({"app": "plain"}, [
            (now, "an error of old"), (now + 1, "WARN slow"), (now + 2, "nothing to see")]),
        ({"app": "fields"}, [
            (now, '{"msg":"an error","level":"info"}'), (now + 1, "msg=error level=debug"),
            (now + 2, "an error", {"detected_level": "Warning"}),
            (now + 3, "an error", {"severity": "FATAL"})]),
        ({"app": "labels", "level": "WARN"}, [(now, "an error"), (now + 1, "x")]),
    ])
    assert levels(server, '{app="plain"}') == {**of("error"), **of("warn"), **of("unknown")}
    assert levels(server, '{app="fields"}') == {
        **of("info"), **of("debug"), **of("warn"), **of("fatal")}
    # The query of Grafana's volume of logs.
    assert levels(server, '{app="labels"}', by="level, detected_level") == {
        (("detected_level", "warn"), ("level", "WARN")): 2}
    assert [line for _, _, line in server.lines('{app="plain"} | detected_level="error"')] == [
        "an error of old"]
    # It is metadata of the line, not a label of the stream.
    (stream,) = server.get(
        "/loki/api/v1/series", **{"match[]": '{app="plain"}'})["data"]
    assert stream == {"app": "plain"}
    fields = server.get("/loki/api/v1/detected_fields", query='{app="plain"}')["fields"]
    assert {"label": "detected_level", "type": "string", "cardinality": 3, "parsers": None} in fields


def test_syslog_has_severities_and_otlp_levels(make_server):
    server = make_server()
    server.syslog_tcp(b"<11>1 - h web 1 - - an info\n<14>1 - h web 1 - - an error\n")
    now = str(time.time_ns())
    status, answer = post(server, json.dumps({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "otel"}}]},
        "scopeLogs": [{"logRecords": [
            {"timeUnixNano": now, "severityNumber": 21, "body": {"stringValue": "x"}},
            {"timeUnixNano": now, "body": {"stringValue": "an error"}}]}]}]}).encode(), JSON)
    assert status == 200, answer
    by = "severity, detected_level"
    assert until(lambda: levels(server, '{app="web"}', by) == {
        (("severity", "err"),): 1, (("severity", "info"),): 1})
    patterns = server.get("/loki/api/v1/patterns", query='{app="web"}', step="60s")["data"]
    assert {(one["pattern"], one["level"]) for one in patterns} == {
        ("an info", "error"), ("an error", "info")}
    assert levels(server, '{service_name="otel"}') == {**of("fatal"), **of("error")}


def test_patterns_have_levels(make_server):
    server = make_server()
    now = time.time_ns() // (60 * SECOND) * 60 * SECOND - 120 * SECOND
    push(server, [({"app": "a"}, [
        (now + at, f"took {at} ms", {"level": "warn" if at % 3 == 0 else "info"})
        for at in range(30)])])
    patterns = server.get(
        "/loki/api/v1/patterns", query='{app="a"}', step="60s", start=now, end=now + SECOND)
    seconds = now // SECOND
    assert patterns["data"] == [
        {"pattern": "took <_> ms", "level": "info", "samples": [[seconds, 20]]},
        {"pattern": "took <_> ms", "level": "warn", "samples": [[seconds, 10]]}]
    # Without levels there is one form.
    forms = server.cli("logs", "--patterns", "--since", "1h", '{app="a"}').stdout
    assert forms.count("took <_> ms") == 1


def test_the_terminal_shows_levels_when_asked(make_server):
    server = make_server()
    push(server, [({"app": "a", "host": "h"}, [(time.time_ns(), "an error")])])
    plain = server.cli("logs", '{app="a"}').stdout
    assert plain.endswith("h a an error\n") and "detected_level" not in plain
    assert 'detected_level="error"' in server.cli("logs", "--labels", '{app="a"}').stdout


def test_levels_can_be_left_out(make_server):
    server = make_server("--discover-log-levels", "off")
    push(server, [({"app": "a"}, [(time.time_ns(), "an error", {"detected_level": "WARN"}),
                                  (time.time_ns(), "an error")])])
    assert levels(server, '{app="a"}') == {**of("WARN"), (): 1}
    limits = server.get("/loki/api/v1/drilldown-limits")["limits"]
    assert limits["discover_log_levels"] is False


def test_limits_say_how_levels_are_found(make_server):
    server = make_server()
    limits = server.get("/loki/api/v1/drilldown-limits")["limits"]
    assert limits["discover_log_levels"] is True
    assert limits["log_level_fields"][:3] == ["level", "LEVEL", "Level"]
    # The first of them in a line of logfmt counts, and each is one.
    now = time.time_ns() - SECOND
    push(server, [({"app": "a"}, [
        (now + at, json.dumps({name: "debug"}))
        for at, name in enumerate(limits["log_level_fields"])])])
    assert levels(server, '{app="a"}') == of("debug", len(limits["log_level_fields"]))
