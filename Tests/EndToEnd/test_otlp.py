"""Logs of OpenTelemetry, as a collector's otlphttp exporter sends them, and what a query finds."""

import gzip
import json
import struct
import time

import pytest

NOW = time.time_ns() // 10**9 * 10**9 - 60 * 10**9
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def varint(number):
    text = b""
    while number > 127:
        text += bytes([number & 127 | 128])
        number >>= 7
    return text + bytes([number])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def fixed(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def pair(number, key, value):
    return field(number, field(1, key) + field(2, field(1, value)))


def protobuf_body(service, line):
    record = (fixed(1, NOW) + field(2, 17) + field(3, "ERROR") + field(5, field(1, line))
              + pair(6, "http.method", "GET") + field(9, bytes(range(16))))
    resource = (pair(1, "service.name", service) + pair(1, "k8s.namespace.name", "prod")
                + pair(1, "host.name", "node-7"))
    scope = field(1, "io.shop") + field(2, "2.1")
    return field(1, field(1, resource) + field(2, field(1, scope) + field(2, record)))


def json_body(record, *attributes):
    return json.dumps({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes]},
        "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}).encode()


def post(server, body, headers, path="/otlp/v1/logs", **more):
    return server.request("POST", path, body, headers, **more)


def test_protobuf(server):
    assert post(server, protobuf_body("checkout", "it broke"), PROTOBUF) == (200, b"")
    body = gzip.compress(protobuf_body("checkout", "it broke again"))
    assert post(server, body, {**PROTOBUF, "Content-Encoding": "gzip"}, "/v1/logs") == (200, b"")
    answer = server.get(
        "/loki/api/v1/query_range", query='{service_name="checkout"}', direction="forward",
        start=NOW, end=NOW + 1)
    (stream,) = answer["data"]["result"]
    assert sorted(line for _, line in stream["values"]) == ["it broke", "it broke again"]
    assert stream["values"][0][0] == str(NOW)
    assert stream["stream"] == {
        "service_name": "checkout", "k8s_namespace_name": "prod", "host_name": "node-7",
        "http_method": "GET", "scope_name": "io.shop", "scope_version": "2.1",
        "severity_number": "17", "severity_text": "ERROR", "detected_level": "error",
        "trace_id": "000102030405060708090a0b0c0d0e0f"}
    # Only the attributes that Loki makes labels are some.
    assert server.get("/loki/api/v1/labels", start=NOW, end=NOW + 1)["data"] == [
        "k8s_namespace_name", "service_name"]
    categorized = json.loads(server.request(
        "GET", "/loki/api/v1/query_range",
        headers={"X-Loki-Response-Encoding-Flags": "categorize-labels"},
        query='{service_name="checkout"} | detected_level="error"', start=NOW, end=NOW + 1)[1])
    (stream,) = categorized["data"]["result"]
    assert stream["stream"] == {"service_name": "checkout", "k8s_namespace_name": "prod"}
    assert stream["values"][0][2]["structuredMetadata"]["host_name"] == "node-7"


def test_json(server):
    record = {"timeUnixNano": str(NOW), "severityNumber": 9, "body": {"stringValue": "hello"}}
    assert post(server, json_body(record, ("service.name", "web")), JSON) == (200, b"{}")
    (line,) = server.lines('{service_name="web"} | detected_level="info"')
    assert line[1:] == (NOW, "hello")
    # Without a name of its own a service has that of an attribute that says as much, or none.
    post(server, json_body({**record, "timeUnixNano": str(NOW + 1)}, ("app", "shop")), JSON)
    post(server, json_body({**record, "timeUnixNano": str(NOW + 2)}), JSON)
    values = server.get(
        "/loki/api/v1/label/service_name/values", start=NOW, end=NOW + 3)["data"]
    assert values == ["shop", "unknown_service", "web"]
    # A body that is no text is JSON.
    body = {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}
    post(server, json_body({"timeUnixNano": str(NOW + 3), "body": body},
                           ("service.name", "map")), JSON)
    assert [text for _, _, text in server.lines('{service_name="map"} | json | a=1')] == [
        '{"a":1}']


def test_a_tenant_has_its_own(server):
    record = {"timeUnixNano": str(NOW), "body": {"stringValue": "mine"}}
    headers = {**JSON, "X-Scope-OrgID": "blue"}
    assert post(server, json_body(record, ("service.name", "t")), headers)[0] == 200
    assert server.lines('{service_name="t"}') == []
    assert len(server.lines('{service_name="t"}', tenant="blue")) == 1


def test_what_is_left_out_is_said(server):
    record = {"timeUnixNano": str(NOW), "body": {"stringValue": "x"}}
    good = json.loads(json_body(record, ("service.name", "ok")))
    bad = json.loads(json_body(record, ("service.name", "n" * 5_000)))
    body = {"resourceLogs": good["resourceLogs"] + bad["resourceLogs"]}
    status, answer = post(server, json.dumps(body).encode(), JSON)
    partial = json.loads(answer)["partialSuccess"]
    assert status == 200 and partial["rejectedLogRecords"] == "1"
    assert "service_name" in partial["errorMessage"]
    status, answer = post(server, json.dumps(bad).encode(), JSON)
    assert status == 400 and "service_name" in json.loads(answer)["error"]


@pytest.mark.parametrize("body, headers, status, word", [
    (b"{", JSON, 400, "JSON"),
    (json_body({"timeUnixNano": "soon"}), JSON, 400, "timeUnixNano"),
    (b"\x0a\xff", PROTOBUF, 400, "protobuf"),
    (b"{}", {"Content-Type": "text/plain"}, 415, "Content-Type"),
    (b"{}", {**JSON, "Content-Encoding": "br"}, 415, "Content-Encoding"),
    (b"nonsense", {**JSON, "Content-Encoding": "gzip"}, 400, "gzip"),
])
def test_a_wrong_body_is_refused(server, body, headers, status, word):
    found, answer = post(server, body, headers)
    answer = json.loads(answer)
    assert (found, answer["status"]) == (status, "error") and word in answer["error"], answer
