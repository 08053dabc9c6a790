"""What Grafana's Prometheus data source asks when it is added, explored and drawn, in that order, and
the exact shapes that it reads. Queries are POSTs with a form, as is its default; a GET must answer the
same. Source: Grafana, packages/grafana-prometheus and pkg/promlib."""

import json
import time
import urllib.parse

import pytest

END = int(time.time()) // 60 * 60 - 120
START = END - 1800
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

RULES = """
groups:
- name: traffic
  interval: 1h
  rules:
  - record: job:requests:rate5m
    expr: sum by (job) (rate(requests_total[5m]))
  - alert: TooMany
    expr: requests_total > 1e9
    for: 5m
    labels: {severity: page}
    annotations: {summary: "too many"}
"""


@pytest.fixture(scope="module")
def grafana(tmp_path_factory):
    """(post, get) to a server with two counters, an exemplar and rules."""
    from conftest import Server

    folder = tmp_path_factory.mktemp("grafana")
    (folder / "rules.yaml").write_text(RULES)
    server = Server(folder / "data", "--rules", str(folder / "rules.yaml")).start()
    lines = ["# HELP requests Requests served.", "# TYPE requests counter", "# UNIT requests "]
    for job in ["api", "web"]:
        for step in range(121):
            lines.append(f'requests_total{{job="{job}"}} {step * 15} {START + step * 15}')
    lines[-1] += f' # {{trace_id="abc"}} 1 {END}'
    status, body = server.request(
        "POST", "/api/v1/import/prometheus", ("\n".join(lines) + "\n# EOF\n").encode(),
        {"Content-Type": "application/openmetrics-text; version=1.0.0"})
    assert status == 204, body

    def post(path, **parameters):
        form = urllib.parse.urlencode(parameters, doseq=True).encode()
        status, body = server.request("POST", path, form, FORM)
        assert status == 200, body
        return json.loads(body)

    yield post, server.get
    server.kill()
    server.log.close()


def test_save_and_test(grafana):
    post, get = grafana
    # The health check adds one and one.
    answer = {"status": "success",
              "data": {"resultType": "scalar", "result": [4, "2"]}}
    assert post("/api/v1/query", query="1+1", time="4") == answer
    assert get("/api/v1/query", query="1+1", time="4") == answer
    build = get("/api/v1/status/buildinfo")
    assert build["status"] == "success"
    # `application` and `features` would make it a Mimir; the version says which functions there are.
    assert set(build["data"]) >= {
        "version", "revision", "branch", "buildUser", "buildDate", "goVersion"}
    assert int(build["data"]["version"].split(".")[0]) >= 3
    assert "features" not in build["data"]
    flags = get("/api/v1/status/flags")
    assert flags["status"] == "success" and all(
        isinstance(value, str) for value in flags["data"].values())


def test_explore_labels_and_metrics(grafana):
    post, get = grafana
    span = {"start": START, "end": END}
    assert post("/api/v1/labels", **span) == {"status": "success", "data": ["__name__", "job"]}
    assert post("/api/v1/labels", **span, **{"match[]": 'requests_total{job="api"}'}) == {
        "status": "success", "data": ["__name__", "job"]}
    assert get("/api/v1/label/__name__/values", **span) == {
        "status": "success", "data": ["requests_total"]}
    assert get("/api/v1/label/job/values", **span, **{"match[]": "requests_total"}) == {
        "status": "success", "data": ["api", "web"]}
    assert get("/api/v1/label/job/values", **span, limit=1)["data"] == ["api"]
    assert get("/api/v1/label/nothing/values", **span) == {"status": "success", "data": []}
    assert get("/api/v1/metadata", limit=100) == {
        "status": "success",
        "data": {"requests": [{"type": "counter", "help": "Requests served.", "unit": ""}]}}
    series = [{"__name__": "requests_total", "job": job} for job in ["api", "web"]]
    assert post("/api/v1/series", **span, **{"match[]": ["requests_total"]}) == {
        "status": "success", "data": series}
    assert post("/api/v1/series", **span, **{
        "match[]": ['{job="web"}', 'requests_total{job="api"}']})["data"] == series


def test_draw(grafana):
    post, get = grafana
    request = {"query": "sum by (job) (delta(requests_total[1m]) > bool 0)", "start": END - 60, "end": END,
               "step": "30"}
    answer = post("/api/v1/query_range", **request)
    assert answer == {"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"job": job}, "values": [[at, "1"] for at in (END - 60, END - 30, END)]}
        for job in ["api", "web"]]}}
    assert get("/api/v1/query_range", **request) == answer
    assert post("/api/v1/query", query='requests_total{job="api"}', time=END) == {
        "status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {"__name__": "requests_total", "job": "api"},
             "value": [END, "1800"]}]}}
    assert post("/api/v1/query", query="nothing", time=END)["data"] == {
        "resultType": "vector", "result": []}
    assert post("/api/v1/query_exemplars", query=request["query"], start=START, end=END) == {
        "status": "success", "data": [
            {"seriesLabels": {"__name__": "requests_total", "job": "web"}, "exemplars": [
                {"labels": {"trace_id": "abc"}, "value": "1", "timestamp": END}]}]}


def test_a_wrong_query_is_said_with_its_type(grafana):
    _, get = grafana
    from conftest import Server
    assert isinstance(get.__self__, Server)
    status, body = get.__self__.request(
        "POST", "/api/v1/query_range",
        urllib.parse.urlencode({"query": "sum(", "start": START, "end": END, "step": 15}).encode(),
        FORM)
    answer = json.loads(body)
    assert status == 400 and set(answer) == {"status", "errorType", "error"}
    assert (answer["status"], answer["errorType"]) == ("error", "bad_data")
    assert "parse error" in answer["error"]


def test_statistics_of_a_query(grafana):
    """`stats`: the query inspector of Grafana shows them."""
    post, _ = grafana
    request = {"query": "rate(requests_total[1m])", "start": END - 60, "end": END, "step": "30"}
    assert "stats" not in post("/api/v1/query_range", **request)["data"]
    totals = post("/api/v1/query_range", **request, stats="1")["data"]["stats"]
    assert set(totals) == {"timings", "samples"}
    assert set(totals["timings"]) == {
        "evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime",
        "execQueueTime", "execTotalTime"}
    timings = totals["timings"]
    assert timings["innerEvalTime"] > 0
    assert timings["evalTotalTime"] == pytest.approx(
        timings["queryPreparationTime"] + timings["innerEvalTime"] + timings["resultSortTime"])
    # Two series, three steps, four samples in each window.
    assert totals["samples"]["totalQueryableSamples"] == 24
    assert totals["samples"]["peakSamples"] >= 8
    assert "totalQueryableSamplesPerStep" not in totals["samples"]
    steps = post("/api/v1/query_range", **request, stats="all")["data"]["stats"]["samples"]
    assert steps["totalQueryableSamplesPerStep"] == [[at, 8] for at in (END - 60, END - 30, END)]


def test_rules_and_alerts(grafana):
    _, get = grafana
    (group,) = get("/api/v1/rules")["data"]["groups"]
    assert (group["name"], group["interval"], len(group["rules"])) == ("traffic", 3600, 2)
    assert set(group) >= {
        "name", "file", "rules", "interval", "limit", "evaluationTime", "lastEvaluation"}
    recording, alerting = group["rules"]
    assert (recording["type"], recording["name"], recording["query"]) == (
        "recording", "job:requests:rate5m", "sum by (job) (rate(requests_total[5m]))")
    assert set(recording) >= {"name", "query", "health", "evaluationTime", "lastEvaluation", "type"}
    assert (alerting["type"], alerting["name"], alerting["duration"]) == ("alerting", "TooMany", 300)
    assert alerting["labels"] == {"severity": "page"} and alerting["alerts"] == []
    assert alerting["annotations"] == {"summary": "too many"}
    assert alerting["state"] in ("inactive", "unknown")
    (only,) = get("/api/v1/rules", type="alert")["data"]["groups"]
    assert [rule["name"] for rule in only["rules"]] == ["TooMany"]
    assert get("/api/v1/alerts") == {"status": "success", "data": {"alerts": []}}


def test_the_query_is_explained(grafana):
    """The builder asks how a query is read."""
    post, get = grafana
    tree = post("/api/v1/parse_query", query="sum(up)")
    assert tree == get("/api/v1/parse_query", query="sum(up)")
    assert tree["data"]["type"] == "aggregation" and tree["data"]["expr"]["name"] == "up"
    assert post("/api/v1/format_query", query="sum(up)by(job)") == {
        "status": "success", "data": "sum by (job) (up)"}
