"""Ports of our own, other processes, what they answer and cost; for tests and benches alike."""

import http.client
import itertools
import os
import random
import socket
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


# Below those that the kernel gives to connections: one of them could take a port before its server
# does. In turn, so that none is given twice, from anywhere, for other runs beside this one.
PORTS = range(15_000, 32_000)
places = itertools.count(random.randrange(len(PORTS)))


def free_port():
    """A port that is free for TCP and UDP, and was not given to anybody for a long time."""
    while True:
        port = PORTS[next(places) % len(PORTS)]
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def until(condition, seconds=15.0, what="condition"):
    """The first true value of `condition`, asked again and again: the other side is a process that
    cannot tell us."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.02)


def ask(port, method, path, body=None, timeout=60):
    """Status and body; 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def cpu_seconds(process):
    """CPU time of a process that was started, of all its threads."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
