"""Clients that are slow, broken, greedy or gone: an answer that says what was wrong, and the server
goes on."""

import gzip
import json
import socket
import subprocess
import time

import pytest

from conftest import until
from test_http import now_ns, push


def raw(server, data, timeout=20.0):
    """Sends bytes and reads until the server closes or says nothing for a second."""
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=timeout) as tcp:
        tcp.sendall(data)
        tcp.settimeout(1.0)
        answer = b""
        try:
            while piece := tcp.recv(65_536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


@pytest.mark.parametrize("request_bytes, status", [
    (b"GARBAGE\r\n\r\n", b" 400 "),
    (b"\x16\x03\x01\x02\x00\x01\x00" * 20 + b"\r\n\r\n", b" 400 "),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200_000 + b"\r\n\r\n", b" 4"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5_000 + b"\r\n", b" 4"),
    (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b" 4"),
    (b"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc", b" 413 "),
    (b"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabc", b" 400 "),
    (b"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", b" 400 "),
    (b"BREW /write HTTP/1.1\r\nHost: x\r\n\r\n", b" 4"),
])
def test_broken_requests(server, request_bytes, status):
    answer = raw(server, request_bytes)
    assert status in answer.split(b"\r\n")[0] + b" " or answer == b"", answer[:200]
    assert server.get_text("/-/ready")


def test_a_chunked_body_without_end_is_cut_at_the_limit(make_server):
    server = make_server("--body-max", "1MiB")
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=30) as tcp:
        tcp.sendall(b"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        answer = b""
        tcp.settimeout(0.01)
        try:
            for _ in range(100_000):
                try:
                    tcp.sendall(chunk)
                except TimeoutError:
                    pass
                try:
                    answer += tcp.recv(65_536)
                except TimeoutError:
                    continue
                if b"body-max" in answer:
                    break
        except OSError:
            pass
    assert b" 413 " in answer and b"body-max" in answer, answer[:300]
    assert server.get_text("/-/ready")


def test_decompressed_size_is_limited_by_name(make_server):
    server = make_server("--body-decoded-max", "1MiB")
    bomb = gzip.compress(b"a 1\n" * 1_000_000)
    status, body = server.request(
        "POST", "/api/v1/import/prometheus", bomb, {"Content-Encoding": "gzip"})
    assert status == 413 and "body-decoded-max" in json.loads(body)["error"]


def test_limits_are_settings(make_server):
    server = make_server(
        "--labels-max", "3", "--label-name-max", "16", "--label-value-max", "16",
        "--statsd-series-max", "2", "--connections-max", "2", flush_interval="100ms")
    for labels in ["{a='1',b='2',c='3'}", "{%s='1'}" % ("n" * 17), "{a='%s'}" % ("v" * 17)]:
        server.request(
            "POST", "/api/v1/import/prometheus", f"m{labels} 1\nn 1\n".replace("'", '"').encode())
    for reason in ["label_count_max", "label_name_bytes_max", "label_value_bytes_max"]:
        assert server.metric("varve_push_skipped_total", reason=reason) == 1, reason
    assert server.get("/api/v1/series", **{"match[]": "{__name__=~'[mn]'}"})["data"] == [
        {"__name__": "n"}]

    server.statsd("a:1|c\nb:1|c\nc:1|c\nd:1|c|#%s:x" % ("t" * 17))
    until(lambda: server.metric("varve_statsd_refused_total", reason="series_limit") == 1,
          what="a third series refused")
    assert server.metric("varve_statsd_refused_total", reason="tag_too_long") == 1

    held = [socket.create_connection(("127.0.0.1", server.syslog_port)) for _ in range(2)]
    with socket.create_connection(("127.0.0.1", server.syslog_port)) as third:
        third.settimeout(10)
        assert third.recv(1) == b"", "closed at once"
    for tcp in held:
        tcp.close()


def test_slow_and_half_open_clients_hold_nobody_up(server):
    slow = []
    try:
        for number in range(300):
            tcp = socket.create_connection(("127.0.0.1", server.http_port))
            tcp.sendall([b"", b"GET / HT", b"POST /write HTTP/1.1\r\nContent-Length: 10\r\n\r\na"]
                        [number % 3])
            slow.append(tcp)
        started = time.monotonic()
        assert push(server, [[str(now_ns()), "through"]])[0] == 204
        assert [line for _, _, line in server.lines("{}")] == ["through"]
        assert time.monotonic() - started < 10
        before = server.metric("process_open_fds")
    finally:
        for tcp in slow:
            tcp.close()
    until(lambda: server.metric("process_open_fds") <= before - 250, what="sockets closed")


def test_methods_and_paths(server):
    status, body = server.request("GET", "/no/such/path")
    assert status == 404 and json.loads(body)["status"] == "error"
    for method, path in [("POST", "/metrics"), ("DELETE", "/api/v1/query"), ("GET", "/write")]:
        answer = raw(server, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                             "Content-Length: 0\r\n\r\n".encode())
        assert b" 405 " in answer.split(b"\r\n")[0] and b"\r\nallow: " in answer.lower(), answer
        assert b'"status":"error"' in answer
    answer = raw(server, b"OPTIONS /write HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b" 204 " in answer.split(b"\r\n")[0] and b"allow: POST" in answer.replace(b"A", b"a")
    head = raw(server, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0] and head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path, headers, body, status", [
    ("/api/v1/write", {"Content-Type": "text/plain"}, b"a 1\n", 400),
    ("/write", {"Content-Encoding": "gzip"}, b"not gzip", 400),
    ("/write", {"Content-Encoding": "zstd"}, b"x", 415),
    ("/loki/api/v1/push", {"Content-Type": "application/json", "Content-Encoding": "gzip"},
     gzip.compress(b"{}")[:-4], 400),
])
def test_wrong_types_and_codings(server, path, headers, body, status):
    code, answer = server.request("POST", path, body, headers)
    assert code == status, answer
    assert json.loads(answer)["error"]


def long_path(server):
    """Writes 300 series of six hours; the path of a query over them that takes minutes."""
    end = int(time.time())
    text = "".join(
        f'many{{n="{number}"}} {number + back} {(end - back * 290) * 1000}\n'
        for number in range(300) for back in range(75)).encode()
    assert server.request("POST", "/api/v1/import/prometheus", text)[0] == 204
    return ("/api/v1/query_range?query=quantile_over_time(0.5,many[20000s:1s])"
            f"&start={end - 300}&end={end}&step=1")


def test_a_query_ends_when_its_client_goes_away(server):
    request = f"GET {long_path(server)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.http_port)) as tcp:
        tcp.sendall(request)
        until(lambda: server.metric("varve_queries_running") == 1, what="a running query")
    until(lambda: server.metric("varve_queries_running") == 0, what="its end")


def test_too_many_queries_are_told_when_to_come_again(make_server):
    server = make_server("--query-concurrency", "1")
    request = f"GET {long_path(server)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.http_port)) as tcp:
        tcp.sendall(request)
        until(lambda: server.metric("varve_queries_running") == 1, what="a running query")
        answer = raw(server, b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n"
                             b"Connection: close\r\n\r\n")
        assert b" 429 " in answer.split(b"\r\n")[0] and b"\r\nretry-after: " in answer.lower()
        assert b"query-concurrency" in answer


def test_a_query_that_takes_too_long_is_ended(make_server):
    server = make_server("--query-timeout", "300ms")
    status, body = server.request("GET", long_path(server))
    assert status == 503 and json.loads(body)["errorType"] == "timeout"


def test_a_body_larger_than_an_entry_is_taken_whole(server):
    stamp = now_ns()
    lines = [[str(stamp + n), f"{n} " + "x" * 20_000] for n in range(2_000)]
    # Forty megabytes on one stream: many entries of one shard. Sent twice, kept once.
    for _ in range(2):
        status, body = push(server, lines)
        assert status == 204, body
    assert server.metric("varve_log_lines_written_total") is not None
    answer = server.get("/loki/api/v1/query", query='count_over_time({app="shop"}[1h])',
                        time=stamp + 10**10)
    assert answer["data"]["result"][0]["value"][1] == "2000"
    text = "".join(
        f'wide{{number="{n}",filler="{"y" * 200}"}} {n}\n' for n in range(100_000)).encode()
    assert server.request("POST", "/api/v1/import/prometheus", text)[0] == 204
    assert server.value("count(wide)") == 100_000
    assert server.value("sum(wide)") == sum(range(100_000))


def test_own_metrics_pass_promtool(server, need):
    promtool = need("promtool")
    server.statsd("a:1|c")
    push(server, [[str(now_ns()), "x"]])
    server.vector("up")
    server.request("GET", "/nowhere")
    result = subprocess.run(
        [promtool, "check", "metrics"], input=server.get_text("/metrics"), text=True,
        capture_output=True)
    assert result.returncode == 0 and not result.stderr.strip(), result.stdout + result.stderr
