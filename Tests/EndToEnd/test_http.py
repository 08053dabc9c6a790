"""What comes in and goes out over HTTP."""

import gzip
import json
import time

import pytest

from conftest import until


def now_ns():
    return time.time_ns()


def push(server, lines, tenant=None, labels=None):
    body = {"streams": [{"stream": labels or {"app": "shop"}, "values": lines}]}
    headers = {"Content-Type": "application/json"}
    if tenant:
        headers["X-Scope-OrgID"] = tenant
    return server.request("POST", "/loki/api/v1/push", json.dumps(body).encode(), headers)


def test_prometheus_text_with_timestamps(server):
    stamp = int(time.time() * 1000) - 60_000
    text = (
        "# HELP jobs Jobs done.\n# TYPE jobs counter\n"
        f'jobs{{queue="a"}} 12 {stamp}\njobs{{queue="b"}} NaN {stamp}\n').encode()
    status, body = server.request("POST", "/api/v1/import/prometheus", text)
    assert status == 204, body
    assert server.value('jobs{queue="a"}', time=stamp / 1000 + 1) == 12
    answer = server.get("/api/v1/metadata")
    assert answer["data"]["jobs"] == [{"type": "counter", "help": "Jobs done.", "unit": ""}]


def test_influx_lines(server):
    stamp = now_ns() - 10**9
    body = f"cpu,host=h\\ 1 user=1.5,system=2i {stamp}\ncpu,host=h2 user=3 {stamp}\n".encode()
    assert server.request("POST", "/write", body, db="telegraf")[0] == 204
    assert server.value('cpu_user{host="h 1",db="telegraf"}') == 1.5
    assert server.value("sum(cpu_user)") == 4.5
    assert server.request("POST", "/api/v2/write", body, bucket="b", precision="ns")[0] == 204
    assert server.request("GET", "/ping")[0] == 204


def test_loki_push_and_query(server):
    stamp = now_ns()
    assert push(server, [[str(stamp), "one"], [str(stamp), "one"], [str(stamp + 1), "two"]])[0] \
        == 204
    assert [line for _, _, line in server.lines('{app="shop"}')] == ["one", "one", "two"]
    assert [line for _, _, line in server.lines('{app="shop"} |= "tw"')] == ["two"]
    answer = server.get(
        "/loki/api/v1/query", query='sum by (app) (count_over_time({app="shop"}[5m]))',
        time=stamp + 10**9)
    assert answer["data"]["result"][0]["value"][1] == "3"


def test_gzip_both_ways(server):
    stamp = now_ns()
    body = json.dumps(
        {"streams": [{"stream": {"a": "b"}, "values": [[str(stamp), "x" * 5000]]}]}).encode()
    status, answer = server.request(
        "POST", "/loki/api/v1/push", gzip.compress(body),
        {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert status == 204, answer
    status, answer = server.request(
        "GET", "/loki/api/v1/query_range", headers={"Accept-Encoding": "gzip"}, query='{a="b"}')
    assert status == 200
    assert "x" * 5000 in gzip.decompress(answer).decode()


def test_tenants_do_not_see_each_other(server):
    stamp = now_ns()
    push(server, [[str(stamp), "of a"]], tenant="a")
    push(server, [[str(stamp), "of b"]], tenant="b")
    server.request(
        "POST", "/api/v1/import/prometheus", b"secret 1\n", {"X-Scope-OrgID": "a"})
    assert [line for _, _, line in server.lines("{}", tenant="a")] == ["of a"]
    assert [line for _, _, line in server.lines("{}", tenant="b")] == ["of b"]
    assert server.lines("{}") == []
    assert server.vector("secret", tenant="b") == {}
    assert server.get("/api/v1/labels", tenant="b")["data"] == []
    assert server.get("/api/v1/label/__name__/values", tenant="a")["data"] == ["secret"]
    assert server.get("/loki/api/v1/labels", tenant="c")["data"] == []
    server.flush()
    assert server.vector("secret", tenant="b") == {}
    assert [line for _, _, line in server.lines("{}", tenant="a")] == ["of a"]


def test_grafanas_prometheus_calls(server):
    server.statsd("web.hits:3|c|#env:prod")
    until(lambda: server.value("web_hits") == 3)
    end = time.time()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, body = server.request(
        "POST", "/api/v1/query_range",
        f"query=rate(web_hits[1m])&start={end - 300}&end={end}&step=15".encode(), form)
    answer = json.loads(body)
    assert status == 200 and answer["data"]["resultType"] == "matrix"
    assert server.get("/api/v1/status/buildinfo")["data"]["version"]
    assert "env" in server.get("/api/v1/labels")["data"]
    assert server.get("/api/v1/label/env/values")["data"] == ["prod"]
    series = server.get("/api/v1/series", **{"match[]": "web_hits"})["data"]
    assert series == [{"__name__": "web_hits", "env": "prod"}]


def test_results_are_the_same_after_a_flush(server):
    stamp = now_ns()
    push(server, [[str(stamp + i), f"line {i} of order {i * 7919}"] for i in range(2000)])
    before = server.lines('{app="shop"} |= "order"')
    server.flush()
    assert server.lines('{app="shop"} |= "order"') == before
    assert len(before) == 2000


@pytest.mark.parametrize("path, parameters, word", [
    ("/api/v1/query", {"query": "sum("}, "parse"),
    ("/api/v1/query", {}, "query"),
    ("/api/v1/query", {"query": "up", "time": "yesterday"}, "time"),
    ("/api/v1/query_range", {"query": "up", "start": 0, "end": 1, "step": 0}, "step"),
    ("/api/v1/query_range", {"query": "up", "start": 0, "end": 10**9, "step": 1}, "11000"),
    ("/loki/api/v1/query_range", {"query": '{a="b'}, "parse"),
    ("/api/v1/series", {}, "match"),
    ("/nowhere", {}, "nowhere"),
])
def test_bad_requests_say_what_is_wrong(server, path, parameters, word):
    status, body = server.request("GET", path, **parameters)
    answer = json.loads(body)
    assert 400 <= status < 500
    assert answer["status"] == "error" and word in answer["error"].lower()


@pytest.mark.parametrize("path, body, headers", [
    ("/api/v1/write", b"not snappy at all", {}),
    ("/api/v1/write", b"\xff\xff\xff\xff\x0f" + b"x" * 20, {}),
    ("/loki/api/v1/push", b'{"streams":[{"stream":', {"Content-Type": "application/json"}),
    ("/loki/api/v1/push", b"\x00\x01", {"Content-Type": "application/x-protobuf"}),
    ("/api/v1/import/prometheus", b"}{ nonsense\n", {}),
    ("/write", b"no fields here\n", {}),
    ("/loki/api/v1/push", b"x", {"Content-Encoding": "br"}),
    ("/loki/api/v1/push", b"{}", {"X-Scope-OrgID": "no/such"}),
])
def test_bad_bodies_are_refused(server, path, body, headers):
    status, answer = server.request("POST", path, body, headers)
    assert 400 <= status < 500, answer
    assert json.loads(answer)["error"]
    assert server.get_text("/-/ready")
