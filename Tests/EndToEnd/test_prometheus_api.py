"""Prometheus' HTTP API beside queries: federation, limits, and what it says of the server."""

import gzip
import json
import time
import urllib.parse
import urllib.request

import pytest

from conftest import until


def write(server, text):
    assert server.request("POST", "/api/v1/import/prometheus", text.encode())[0] == 204


@pytest.fixture
def filled(server):
    write(server, 'hits{app="shop",host="a"} 1\nhits{app="shop",host="b"} 2\n'
                  'hits{app="\\"q\\"\\\\n",instance="i:1"} 3\ndepth{app="shop"} NaN\n')
    until(lambda: server.value("sum(hits)") == 6)
    return server


def test_federation_is_the_text_format(filled):
    text = filled.get_text("/federate", **{"match[]": '{__name__=~"hits|depth"}'})
    lines = [line.rpartition(" ")[0] if line[0] != "#" else line for line in text.splitlines()]
    assert lines == [
        "# TYPE depth untyped",
        'depth{app="shop",instance=""} NaN',
        "# TYPE hits untyped",
        'hits{app="\\"q\\"\\\\n",instance="i:1"} 3',
        'hits{app="shop",host="a",instance=""} 1',
        'hits{app="shop",host="b",instance=""} 2',
    ]
    assert filled.request("GET", "/federate")[0] == 400
    assert filled.request("GET", "/federate", **{"match[]": "{"})[0] == 400


def test_a_prometheus_federates(filled, prometheus):
    address = prometheus(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: varve\n    honor_labels: true\n    metrics_path: /federate\n"
        "    params: {'match[]': ['hits']}\n"
        f"    static_configs: [{{targets: ['{filled.url.split('//')[1]}']}}]\n")

    def theirs():
        try:
            with urllib.request.urlopen(f"{address}/api/v1/query?query=hits") as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return sorted(
            (one["metric"].get("host"), one["metric"].get("instance"), one["value"][1])
            for one in result if "host" in one["metric"])
    # Nobody's address was put in place of the instance that there is not.
    until(lambda: theirs() == [("a", None, "1"), ("b", None, "2")], seconds=60)


def test_limits_cut_series_and_say_so(filled):
    answer = filled.get("/api/v1/query", query="hits", limit=2)
    assert len(answer["data"]["result"]) == 2
    assert answer["warnings"] == ["results truncated due to limit"]
    end = time.time()
    answer = filled.get(
        "/api/v1/query_range", query="hits", start=end - 10, end=end, step=5, limit=1)
    assert len(answer["data"]["result"]) == 1 and answer["warnings"]
    for limit in (0, 3):
        answer = filled.get("/api/v1/query", query="hits", limit=limit)
        assert len(answer["data"]["result"]) == 3 and "warnings" not in answer
    assert "warnings" not in filled.get("/api/v1/query", query="scalar(vector(1))", limit=1)


def test_a_large_answer_comes_in_pieces(server):
    start = int(time.time()) - 4_000
    write(server, "".join(
        f'large{{n="{number}"}} {number + at} {(start + at * 40) * 1000}\n'
        for number in range(200) for at in range(100)))
    form = urllib.parse.urlencode(
        {"query": "large", "start": start, "end": start + 3_900, "step": 10})
    bodies = []
    for encoding in ["identity", "gzip"]:
        request = urllib.request.Request(
            f"{server.url}/api/v1/query_range?{form}", headers={"Accept-Encoding": encoding})
        with urllib.request.urlopen(request) as answer:
            assert (answer.headers["Transfer-Encoding"] == "chunked") == (encoding == "identity")
            body = answer.read()
            bodies.append(body if encoding == "identity" else gzip.decompress(body))
    assert bodies[0] == bodies[1] and len(bodies[0]) > 1 << 20
    assert len(json.loads(bodies[0])["data"]["result"]) == 200


def test_cardinality(filled):
    data = filled.get("/api/v1/status/tsdb")["data"]
    assert data["headStats"]["numSeries"] == 4
    assert data["seriesCountByMetricName"] == [
        {"name": "hits", "value": 3}, {"name": "depth", "value": 1}]
    assert data["labelValueCountByLabelName"][0]["value"] == 2
    assert {"name": "app=shop", "value": 3} in data["seriesCountByLabelValuePair"]
    one = filled.get("/api/v1/status/tsdb", limit=1)["data"]
    assert len(one["seriesCountByMetricName"]) == 1
    assert filled.get("/api/v1/status/tsdb", tenant="other")["data"]["headStats"]["numSeries"] == 0
    assert filled.request("GET", "/api/v1/status/tsdb", limit=0)[0] == 400


def test_status_shows_the_settings_in_force(make_server):
    server = make_server("--retention", "30d")
    assert server.get("/api/v1/status/flags")["data"]["retention"] == "30d"
    assert 'retention: "30d"\n' in server.get("/api/v1/status/config")["data"]["yaml"]
    assert server.get("/api/v1/status/walreplay")["data"]["state"] == "done"
    features = server.get("/api/v1/features")["data"]
    assert features["promql"]["smoothed"] and features["promql_functions"]["rate"]
    assert "start_timestamp" not in features["promql_functions"]
    assert not features["api"]["otlp_write_receiver"]
    info = server.get("/api/v1/status/runtimeinfo")["data"]
    assert info["storageRetention"] == "30d" and info["startTime"] <= info["serverTime"]
