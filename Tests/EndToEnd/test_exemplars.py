"""Exemplars: taken from OpenMetrics and remote write, found by the series that a query selects."""

from conftest import until


def write(server, text):
    status, body = server.request(
        "POST", "/api/v1/import/prometheus", text.encode(),
        {"Content-Type": "application/openmetrics-text; version=1.0.0"})
    assert status == 204, body


def exemplars(server, query, **parameters):
    answer = server.get("/api/v1/query_exemplars", query=query, **parameters)
    assert answer["status"] == "success"
    return answer["data"]


BODY = '''# TYPE took histogram
took_bucket{le="0.1",app="shop"} 3 1700000010 # {trace_id="aaa"} 0.05 1700000009.5
took_bucket{le="+Inf",app="shop"} 4 1700000010 # {trace_id="b\\"b"} 7 1700000008
took_bucket{le="0.1",app="bank"} 1 1700000010 # {trace_id="ccc"} 0.01
other_total 1 1700000010 # {trace_id="ddd"} 1
# EOF
'''


def test_exemplars_are_found_by_what_a_query_selects(make_server):
    server = make_server("--retention", "off")
    write(server, BODY)
    # A scrape meets the same ones again.
    write(server, BODY)
    query = 'histogram_quantile(0.9, sum by (le) (rate(took_bucket{app="shop"}[5m])))'
    wanted = [
        {"seriesLabels": {"__name__": "took_bucket", "app": "shop", "le": "+Inf"},
         "exemplars": [{"labels": {"trace_id": 'b"b'}, "value": "7", "timestamp": 1700000008}]},
        {"seriesLabels": {"__name__": "took_bucket", "app": "shop", "le": "0.1"},
         "exemplars": [{"labels": {"trace_id": "aaa"}, "value": "0.05",
                        "timestamp": 1700000009.5}]},
    ]
    for _ in range(2):
        assert exemplars(server, query, start=1700000000, end=1700000060) == wanted
        assert exemplars(server, query, start=1700000009) == wanted[1:]
        both = exemplars(server, "took_bucket or other_total", start=1700000000, end=1700000060)
        names = [one["seriesLabels"]["__name__"] for one in both]
        assert names == ["other_total"] + ["took_bucket"] * 3
        # Sealed, and after a crash.
        server.request("POST", "/api/v1/admin/flush")
        server.kill()
        server.start()
    assert exemplars(server, "1 + 1") == []
    assert exemplars(server, "took_bucket", start=1700000020) == []
    # They are nobody's log lines.
    assert server.lines("{}", start=1699990000, end=1700010000) == []


def test_what_is_refused(server):
    assert server.request("GET", "/api/v1/query_exemplars")[0] == 400
    assert server.request("GET", "/api/v1/query_exemplars", query="sum(")[0] == 400
    assert server.request("GET", "/api/v1/query_exemplars", query="up", start=9, end=1)[0] == 400
    status, body = server.request(
        "GET", "/api/v1/query", query="up", headers={"X-Scope-OrgID": "default!exemplars"})
    assert status == 400 and b"exemplars" in body
    write(server, 'good 1 # {id="' + 130 * "x" + '"} 1\n# EOF\n')
    until(lambda: server.value("good") == 1)
    assert 'reason="exemplar_characters_max"' in server.get_text("/metrics")
