"""`varve logs -f` across a restart of the server: every line once."""

import subprocess
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from conftest import BINARY, until
from test_http import now_ns, push


class Follower:
    """`varve logs -f` and the lines that it has printed so far."""

    def __init__(self, server, *arguments):
        self.process = subprocess.Popen(
            [BINARY, "logs", "-f", "--addr", server.url, *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.words = []
        self.threads = [
            threading.Thread(target=self.read, args=pair, daemon=True)
            for pair in [(self.process.stdout, self.lines), (self.process.stderr, self.words)]]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def read(stream, into):
        for line in stream:
            into.append(line.rstrip("\n"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()


def test_a_restart_loses_and_doubles_nothing(make_server):
    server = make_server()
    first = now_ns()
    push(server, [[str(first), "before"], [str(first), "before"]])
    follower = Follower(server)
    try:
        until(lambda: len(follower.lines) == 2, what="the lines from before")
        sent = Counter({"before": 2})

        def send(text, stamp, count=1):
            assert push(server, [[str(stamp), text]] * count)[0] == 204
            sent[text] += count

        def printed():
            seen = Counter()
            for line in follower.lines:
                for text in sent:
                    if line.endswith(f" {text}"):
                        seen[text] += 1
            return seen

        same = now_ns()
        send("at one time A", same)
        send("at one time B", same, 3)
        until(lambda: printed() == sent, what="live lines")
        for round_number in range(3):
            server.kill()
            server.start()
            # Some of these come in before the follower is back, some after; all at one time, and
            # two of them late.
            send("at one time C" + str(round_number), same, 2)
            send("late", same - 20 * 10**9 + round_number)
            for number in range(20):
                send(f"round {round_number} line {number}", now_ns())
            until(lambda: printed() == sent, what="lines after a restart")
        assert any("trying again" in word for word in follower.words)
        assert any("connected again" in word for word in follower.words)
        send("the end", now_ns())
        until(lambda: printed() == sent, what="the last line")
        assert len(follower.lines) == sum(sent.values())
    finally:
        follower.stop()


def test_what_comes_in_while_it_connects_is_not_missed(make_server):
    server = make_server()
    stop = threading.Event()
    sent = []

    def write():
        while not stop.is_set():
            text = f"number {len(sent)}"
            assert push(server, [[str(now_ns()), text]])[0] == 204
            sent.append(text)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: len(sent) > 20)
        follower = Follower(server, "-n", "0")
        until(lambda: len(follower.lines) > 100, what="followed lines")
    finally:
        stop.set()
        writer.join()
    try:
        until(lambda: len(follower.lines) >= len(sent), what="all lines")
        printed = [line[line.index("number"):] for line in follower.lines]
        assert Counter(printed) == Counter(sent)
    finally:
        follower.stop()


def test_a_query_that_is_refused_ends_it(make_server):
    server = make_server()
    result = server.cli("logs", "-f", '{app="a"} | nosuchstage', timeout=20)
    assert result.returncode == 2 and result.stderr.count("\n") == 1


def test_a_server_that_stops_waits_for_no_follower(make_server):
    server = make_server()
    follower = Follower(server)
    push(server, [[str(now_ns()), "seen"]])
    until(lambda: len(follower.lines) == 1)
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before < 5
    server.start()
    push(server, [[str(now_ns()), "and on"]])
    until(lambda: len(follower.lines) == 2, seconds=30)
    follower.stop()
    # The follower is gone: its part of the server goes at once, not with the next heartbeat.
    until(lambda: server.get_text("/metrics") and "tail-heartbeat" not in server.thread_names(),
          seconds=5, what="the follower's timer gone")


def test_what_could_not_be_read_at_first_is_read_again():
    """A shard without a leader when the connection is made: what was read lacks its lines."""
    first, second, live = (
        b'{"ts":"%d","line":"%s","labels":{}}\n' % (now_ns() + number, text)
        for number, text in enumerate([b"first", b"second", b"live"]))
    readings = []
    is_following, is_over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            if self.path.startswith("/api/v1/logs/follow"):
                is_following.set()
                self.wfile.write(b"\n" + live)
                while not is_over.wait(0.1):
                    self.wfile.write(b"\n")
                    self.wfile.flush()
            elif self.path.startswith("/api/v1/logs/stream") and is_following.is_set():
                readings.append(self.path)
                missing = b'{"warning":"shard 2: no leader"}\n'
                self.wfile.write(first + (missing if len(readings) == 1 else second))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{http.server_address[1]}"
        follower = Follower(SimpleNamespace(url=url), "-n", "0")
        try:
            until(lambda: len(follower.lines) == 3, what="all lines")
            until(lambda: len(readings) == 2, what="a second reading")
        finally:
            follower.stop()
            is_over.set()
            http.shutdown()
    texts = [line.split()[-1] for line in follower.lines]
    assert texts == ["first", "live", "second"], follower.lines
    assert follower.words == []
