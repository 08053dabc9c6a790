"""Deleting stored series and lines: gone at once, still gone after kill -9 and on every node, and their
space freed."""

import json
import os
import time
import urllib.parse

from conftest import until


def write(server, apps, start, count=50):
    text = "".join(
        f'm{{app="{app}"}} {number} {(start + number) * 1000}\n'
        for app in apps for number in range(count))
    assert server.request("POST", "/api/v1/import/prometheus", text.encode())[0] == 204
    streams = [{
        "stream": {"app": app},
        "values": [
            [str((start + number) * 10**9), f"{app} line {number} {'token' * (number % 2)}"]
            for number in range(count)],
    } for app in apps]
    status, body = server.request(
        "POST", "/loki/api/v1/push", json.dumps({"streams": streams}).encode(),
        {"Content-Type": "application/json"})
    assert status == 204, body


def delete(server, **parameters):
    status, body = server.request("POST", "/api/v1/admin/tsdb/delete_series", b"", **parameters)
    assert status == 204, body


def clean(server):
    status, body = server.request("POST", "/api/v1/admin/tsdb/clean_tombstones", b"")
    assert status == 204, body


def count(server, app):
    answer = server.vector('count_over_time(m[1h])')
    return {dict(labels)["app"]: value for labels, value in answer.items()}.get(app)


def files(directory):
    return sum(
        os.path.getsize(os.path.join(root, name))
        for root, _, names in os.walk(os.path.join(directory, "shards")) for name in names)


def test_without_the_switch_nothing_is_deleted(server):
    write(server, ["a"], int(time.time()) - 100)
    for path in ["delete_series", "clean_tombstones"]:
        status, body = server.request(
            "POST", f"/api/v1/admin/tsdb/{path}", b"", **{"match[]": "m"})
        assert status == 503
        answer = json.loads(body)
        assert answer["errorType"] == "unavailable" and "admin APIs disabled" in answer["error"]
    assert server.request("POST", "/loki/api/v1/delete", b"", query='{app="a"}')[0] == 503
    assert count(server, "a") == 50


def test_what_is_deleted_stays_away(make_server):
    server = make_server("--admin-api")
    start = int(time.time()) - 200
    write(server, ["a", "b", "c"], start)
    server.flush()
    write(server, ["a", "b", "c"], start + 50)
    delete(server, **{"match[]": ['m{app="a"}']})
    delete(server, **{"match[]": ['{app="b"}'], "start": start + 40, "end": start + 59})
    status, body = server.request(
        "POST", "/loki/api/v1/delete", b"", query='{app="a"} |= "token"')
    assert status == 204, body

    def check():
        assert count(server, "a") is None and count(server, "b") == 80
        assert count(server, "c") == 100
        assert len(server.lines('{app="a"}')) == 50 and len(server.lines('{app="b"}')) == 100
        series = server.get("/api/v1/series", **{"match[]": "m"})["data"]
        assert sorted(one["app"] for one in series) == ["b", "c"]

    check()
    server.kill()
    server.start()
    check()
    clean(server)
    check()
    assert server.get("/api/v1/label/app/values", **{"match[]": "m"})["data"] == ["b", "c"]
    # What comes later counts.
    write(server, ["a"], start)
    assert count(server, "a") == 50


def test_space_is_freed(make_server):
    server = make_server("--admin-api")
    write(server, ["a", "b"], int(time.time()) - 3000, count=2500)
    server.flush()
    before = files(server.directory)
    delete(server, **{"match[]": ['m{app="a"}']})
    status, body = server.request("POST", "/loki/api/v1/delete", b"", query='{app="a"}')
    assert status == 204, body
    clean(server)
    assert files(server.directory) < before * 0.75
    assert count(server, "b") == 2500 and count(server, "a") is None


def test_bad_requests_name_the_field(make_server):
    server = make_server("--admin-api")
    for path, parameters, word in [
        ("/api/v1/admin/tsdb/delete_series", {}, "match[]"),
        ("/api/v1/admin/tsdb/delete_series", {"match[]": "rate(m[5m])"}, "selector"),
        ("/api/v1/admin/tsdb/delete_series", {"match[]": "m", "start": "x"}, '"start"'),
        ("/api/v1/admin/tsdb/delete_series", {"match[]": "m", "start": 2, "end": 1}, '"end"'),
        ("/loki/api/v1/delete", {}, '"query"'),
        ("/loki/api/v1/delete", {"query": '{a="b"} | json'}, "line filters"),
        ("/loki/api/v1/delete", {"query": "{}"}, '"query"'),
    ]:
        status, body = server.request("POST", path, b"", **parameters)
        assert status == 400 and word in json.loads(body)["error"], body


def test_a_deletion_has_a_size(make_server):
    server = make_server("--admin-api")
    form = urllib.parse.urlencode({"match[]": 'm{app="' + "x" * 70_000 + '"}'}).encode()
    status, body = server.request(
        "POST", "/api/v1/admin/tsdb/delete_series", form,
        {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 413 and b"65536" in body, body


def test_every_node_forgets(make_cluster):
    cluster = make_cluster(2, "--admin-api").form(3)
    start = int(time.time()) - 200
    write(cluster[0], ["a", "b"], start)
    delete(cluster[1], **{"match[]": ['m{app="a"}']})
    for node in cluster:
        assert count(node, "a") is None and count(node, "b") == 50
    cluster[0].kill()
    until(lambda: count(cluster[1], "b") == 50, seconds=30, what="the others answer")
    assert count(cluster[2], "a") is None
