"""syslog with the programs that send it."""

import logging
import logging.handlers
import socket
import subprocess

import pytest

from conftest import free_port, until

LOGGER_MODES = [
    ["--udp", "--rfc5424"],
    ["--udp", "--rfc3164"],
    ["--tcp", "--rfc5424"],
    ["--tcp", "--rfc3164"],
    ["--tcp", "--rfc5424", "--octet-count"],
]


@pytest.mark.parametrize("mode", LOGGER_MODES, ids=" ".join)
def test_logger(server, need, mode):
    need("logger")
    subprocess.run(
        ["logger", "--server", "127.0.0.1", "--port", str(server.syslog_port), *mode,
         "--tag", "shop", "--priority", "local3.warning", "payment failed for order 4711"],
        check=True)
    (labels, _, line), = until(lambda: server.lines('{app="shop"}'), what="the line")
    assert line == "payment failed for order 4711"
    assert labels["severity"] == "warning"
    assert labels["facility"] == "local3"


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_pythons_handler(server, kind):
    handler = logging.handlers.SysLogHandler(("127.0.0.1", server.syslog_port), socktype=kind)
    # Its TCP messages end in NUL, which is a frame's end too.
    logger = logging.getLogger(f"e2e-{kind}")
    logger.addHandler(handler)
    logger.error("from python %d", 42)
    handler.close()
    (labels, _, line), = until(lambda: server.lines('{} |= "from python 42"'))
    assert labels["severity"] in ("err", "error")
    assert "from python 42" in line


@pytest.mark.parametrize(
    "transport", ['protocol="udp"', 'protocol="tcp"',
                  'protocol="tcp" tcp_framing="octet-counted"'])
def test_rsyslog(server, need, tmp_path, transport):
    program = need("rsyslogd")
    port = free_port()
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(
        f'module(load="imtcp")\n'
        f'input(type="imtcp" port="{port}" address="127.0.0.1")\n'
        f'global(workDirectory="{tmp_path}")\n'
        f'action(type="omfwd" target="127.0.0.1" port="{server.syslog_port}" {transport})\n')
    process = subprocess.Popen(
        [program, "-n", "-f", str(configuration), "-i", str(tmp_path / "rsyslog.pid")])

    def connect():
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            return None

    try:
        with until(connect, what="rsyslog listens") as tcp:
            for number in range(100):
                tcp.sendall(
                    f"<13>1 2026-11-22T10:00:{number % 60:02}Z box app 1 - - relayed {number}\n"
                    .encode())
        found = until(
            lambda: (lines := server.lines(
                '{app="app"}', start="2026-11-22T00:00:00Z", end="2026-11-23T00:00:00Z")
            ) and len(lines) == 100 and lines,
            what="100 relayed lines")
        assert {line for _, _, line in found} == {f"relayed {n}" for n in range(100)}
    finally:
        process.terminate()
        process.wait()


def test_logspouts_formats(server):
    # As its templates write them: whole seconds, an empty host, raw lines, a TTY's CR.
    server.syslog_tcp(
        b"<14>1 2026-11-23T10:00:00Z node-1 web 815 - - to stdout\n"
        b"<11>1 2026-11-23T10:00:00Z  web 815 - - empty host\n"
        b"<14>2026-11-23T10:00:00Z node-1 web[815]: as rfc3164\n"
        b"just a raw line\n")
    span = {"start": "2026-11-23T00:00:00Z", "end": "2026-11-24T00:00:00Z"}
    found = until(
        lambda: (lines := server.lines('{app="web"}', **span)) and len(lines) == 3 and lines)
    assert {line for _, _, line in found} == {"to stdout", "empty host", "as rfc3164"}
    assert until(lambda: server.lines('{} |= "just a raw line"'))


def test_garbage_is_kept_and_marked(server):
    server.syslog_tcp(b"\x00\xff\xfe<999>nonsense \x1b[31mred\x1b[0m\n")
    assert until(lambda: server.lines('{} |= "nonsense"'))


def test_oversized_lines_are_kept_in_parts(make_server):
    server = make_server("--syslog-line-max", "1KiB")
    server.syslog_tcp(b"<13>1 - h big - - - " + b"x" * 5000 + b"\n<13>1 - h big - - - next\n")
    found = until(
        lambda: (lines := server.lines('{app="big"}')) and
        any(line == "next" for _, _, line in lines) and lines)
    assert sum(line.count("x") for _, _, line in found if line != "next") == 5000
    assert len(found) > 2
