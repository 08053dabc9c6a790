"""A snapshot is a data directory of its own: it opens with all that was there, and goes on."""

import json
import os
import shutil
import subprocess
import time

from conftest import BINARY, until


def write(server, first, count):
    start = int(time.time()) - 500
    text = "".join(
        f'm{{app="a"}} {number} {(start + number) * 1000}\n'
        for number in range(first, first + count))
    assert server.request("POST", "/api/v1/import/prometheus", text.encode())[0] == 204
    values = [[str((start + number) * 10**9), f"line {number}"]
              for number in range(first, first + count)]
    status, body = server.request(
        "POST", "/loki/api/v1/push",
        json.dumps({"streams": [{"stream": {"app": "a"}, "values": values}]}).encode(),
        {"Content-Type": "application/json"})
    assert status == 204, body


def counts(server):
    return (server.value('count_over_time(m[1h])'), len(server.lines('{app="a"}')))


def snapshot(server, **parameters):
    status, body = server.request(
        "POST", "/api/v1/admin/tsdb/snapshot", b"", **parameters)
    assert status == 200, body
    return json.loads(body)


def test_a_snapshot_opens_and_goes_on(make_server, tmp_path):
    server = make_server("--admin-api")
    write(server, 0, 50)
    for _ in range(3):
        server.statsd("clicks:1|c")
    until(lambda: server.value("clicks") == 3, what="three clicks")
    name = snapshot(server)["data"]["name"]
    made = os.path.join(server.directory, "snapshots", name)
    inside = os.path.join(made, "shards")
    assert any(
        os.stat(os.path.join(root, file)).st_nlink == 2
        for root, _, files in os.walk(inside) for file in files)
    # What comes later is not in it, whatever the shards do with their files.
    write(server, 100, 50)
    server.flush()
    assert counts(server) == (100, 100)
    server.kill()

    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    again = make_server(directory=copy)
    assert counts(again) == (50, 50)
    assert again.value("clicks") == 3
    write(again, 200, 20)
    # A counter goes on with its total.
    again.statsd("clicks:4|c")
    until(lambda: again.value("clicks") == 7, what="seven clicks")
    again.kill()
    again.start()
    assert counts(again) == (70, 70) and again.value("clicks") == 7
    again.flush()
    again.kill()
    again.start()
    assert counts(again) == (70, 70) and again.value("clicks") == 7


def test_without_what_is_in_memory(make_server):
    server = make_server("--admin-api")
    write(server, 0, 10)
    server.flush()
    write(server, 10, 10)
    name = snapshot(server, skip_head="true")["data"]["name"]
    server.stop()
    directory = os.path.join(server.directory, "snapshots", name)
    assert counts(make_server(directory=directory)) == (10, 10)


def test_an_unfinished_one_is_not_opened(make_server):
    server = make_server("--admin-api")
    write(server, 0, 10)
    name = snapshot(server)["data"]["name"]
    server.stop()
    directory = os.path.join(server.directory, "snapshots", name)
    with open(os.path.join(directory, "varve.format"), "w", encoding="utf-8") as file:
        file.write("varve data directory\nunfinished snapshot\n")
    run = subprocess.run(
        [BINARY, "serve", "--data", directory, "--http", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=30)
    assert run.returncode != 0 and "names no format" in run.stderr, run.stderr


def test_bad_requests(make_server):
    server = make_server("--admin-api")
    status, body = server.request(
        "POST", "/api/v1/admin/tsdb/snapshot", b"", skip_head="perhaps")
    assert status == 400 and b"skip_head" in body
    assert server.request("GET", "/api/v1/admin/tsdb/snapshot")[0] == 405
    server.stop()
    server.flags.remove("--admin-api")
    server.start()
    status, body = server.request("POST", "/api/v1/admin/tsdb/snapshot", b"")
    assert status == 503 and b"--admin-api" in body


def test_of_a_member_begins_a_cluster(make_cluster, make_server):
    cluster = make_cluster(2, "--admin-api").form(3)
    write(cluster[0], 0, 40)
    for node in cluster:
        node.flush()
    answer = snapshot(cluster[1])
    assert "warnings" not in answer, answer
    name = answer["data"]["name"]
    directory = os.path.join(cluster[1].directory, "snapshots", name)
    for node in cluster:
        node.kill()
    founder = make_server("--shards", "2", directory=directory)
    assert counts(founder) == (40, 40)
