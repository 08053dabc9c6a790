"""Records of several lines, from a socket that speaks as logspout does: RFC 5424 by line over TCP."""

import signal
import socket
import time

from conftest import until

TRACE = ["java.lang.IllegalStateException: no stock", "\tat shop.Cart.pay(Cart.java:12)", "",
         "  at shop.Main.main(Main.java:3)"]
PIECE = "p" * 16_384


def message(text, app="web.1", pid=20, priority=14, seconds=0):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return f"<{priority}>1 {stamp} host {app} {pid} - - {text}\n".encode()


def texts(server, query):
    return [line for _, _, line in server.lines(query)]


def start(make_server, *flags):
    return make_server("--syslog-multiline-start", r"^\S", *flags)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.syslog_port))


def test_stack_traces_of_containers_that_share_a_connection(make_server):
    server = start(make_server)
    with connect(server) as tcp:
        for line in TRACE:
            # stderr and stdout of one container, and another container between them.
            tcp.sendall(message(line, priority=11) + message(f"out {line}")
                        + message(line, app="db", pid=21))
        # Nothing else comes: the wait ends the records, the connection stays.
        traces = until(lambda: texts(server, '{severity="err"}'), what="the record")
        assert traces == ["\n".join(TRACE)]
        assert until(lambda: texts(server, '{app="db"}')) == ["\n".join(TRACE)]
        out = '{app="web.1", severity="info"}'
        until(lambda: len(texts(server, out)) == 4, what="the lines of stdout")
        assert texts(server, out) == [f"out {line}" for line in TRACE]
    assert server.metric("varve_syslog_joined_total") == 6


def test_the_next_record_and_the_end_of_the_connection_write(make_server):
    server = start(make_server, "--syslog-multiline-wait", "1h")
    with connect(server) as tcp:
        tcp.sendall(b"".join(message(line) for line in TRACE) + message("next") + message(" more"))
        assert until(lambda: texts(server, '{app="web.1"}')) == ["\n".join(TRACE)]
    assert until(lambda: len(texts(server, '{app="web.1"}')) == 2)
    assert texts(server, '{app="web.1"}')[1] == "next\n more"


def test_sigterm_writes_what_is_under_way(make_server):
    server = start(make_server, "--syslog-multiline-wait", "1h")
    with connect(server) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", server.syslog_port))
        for line in TRACE:
            tcp.sendall(message(line))
            udp.send(message(line, app="udp"))
        until(lambda: server.metric("varve_syslog_joined_total") == 6, what="all messages")
        assert texts(server, "{}") == []
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
    server.start()
    assert texts(server, '{app="web.1"}') == ["\n".join(TRACE)]
    assert texts(server, '{app="udp"}') == ["\n".join(TRACE)]


def test_dockers_pieces(server):
    with connect(server) as tcp:
        for text in [PIECE, PIECE, "rest", "alone"]:
            tcp.sendall(message(text))
        assert until(lambda: len(texts(server, '{app="web.1"}')) == 2)
        assert texts(server, '{app="web.1"}') == [PIECE + PIECE + "rest", "alone"]
        tcp.sendall(message(PIECE, app="last"))
        assert until(lambda: texts(server, '{app="last"}')) == [PIECE]


def test_deis(make_server):
    server = start(make_server)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SUTC", time.gmtime())
    for text in ["deis[controller]: INFO [app]: msg", "app[web.1]: over tcp"]:
        with connect(server) as tcp:
            tcp.sendall(f"{stamp} {text}\n".encode())
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", server.syslog_port))
        for text in ["start", " more"]:
            udp.send(f"{stamp} app[web.2]: {text}".encode())
    assert until(lambda: texts(server, '{app="deis"}')) == ["INFO [app]: msg"]
    assert until(lambda: texts(server, '{app="app"} | procid="web.1"')) == ["over tcp"]
    assert until(lambda: texts(server, '{app="app"} | procid="web.2"')) == ["start\n more"]


def test_a_pattern_that_is_none_is_named(make_server):
    server = make_server()
    result = server.cli("serve", "--syslog-multiline-start", "(", "--data", server.directory + "2")
    assert result.returncode != 0
    assert "syslog-multiline-start" in result.stderr and "missing" in result.stderr
