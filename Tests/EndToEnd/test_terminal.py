"""What a person at a terminal sees: a pseudo terminal, one program on it."""

import os
import pty
import select
import subprocess
import threading
import time

from conftest import BINARY
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from test_http import now_ns, push


def on_a_terminal(server_url, *arguments, stdout_too=True, timeout=30):
    """Runs the command with standard error (and output) on a pseudo terminal: exit status, what
    the terminal got, and what a pipe got instead."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [BINARY, *arguments, "--addr", server_url], stdin=subprocess.DEVNULL, stderr=theirs,
        stdout=theirs if stdout_too else subprocess.PIPE)
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                piece = os.read(ours, 65_536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    rest = process.stdout.read() if process.stdout else b""
    return process.wait(timeout=timeout), seen, rest


class SlowServer:
    """Answers like Varve, after two seconds."""

    def __enter__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                if self.path.startswith("/api/v1/logs"):
                    for number in range(8):
                        threading.Event().wait(0.25)
                        self.wfile.write(b'{"progress":{"bytes":%d}}\n' % (number << 30))
                        self.wfile.flush()
                    self.wfile.write(
                        b'{"ts":"1700000000000000000","line":"found it","labels":{}}\n')
                else:
                    threading.Event().wait(2)
                    self.wfile.write(
                        b'{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}')

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def test_long_work_shows_progress_and_erases_it():
    with SlowServer() as url:
        for arguments, word, result in [
            (["logs", "it"], b"searching", b"found "), (["query", "7"], b"querying", b"7"),
        ]:
            status, seen, _ = on_a_terminal(url, *arguments)
            assert status == 0 and word in seen
            # Erased before the result is printed, and not drawn again behind it.
            assert seen.rindex(b"\x1b[K") < seen.rindex(result)
            assert word not in seen[seen.rindex(b"\x1b[K"):]
        assert b"GiB read" in on_a_terminal(url, "logs", "it")[1]
        status, seen, rest = on_a_terminal(url, "logs", "it", stdout_too=False)
        assert status == 0 and b"searching" in seen and b"found " in rest
        piped = subprocess.run(
            [BINARY, "logs", "it", "--addr", url], capture_output=True, timeout=30)
        assert piped.returncode == 0 and piped.stderr == b"" and b"\x1b" not in piped.stdout


def test_control_characters_do_not_reach_a_terminal(server):
    stamp = now_ns()
    evil = "\x1b[2J\x1b]0;title\x07 rm\r\x08 \u202eabc \u009b31m tab\tstays"
    push(server, [[str(stamp), evil]])
    status, seen, _ = on_a_terminal(server.url, "logs", "title")
    assert status == 0
    text = seen.decode()
    for piece in ["\x1b[2J", "\x1b]0", "\x07", "\x08", "\u202e", "\u009b", "rm\r\\"]:
        assert piece not in text, repr(text)
    assert "\\x1b[2J" in text and "tab\tstays" in text and "\\u{202e}" in text
    # A pipe gets what was sent.
    piped = subprocess.run(
        [BINARY, "logs", "title", "--addr", server.url], capture_output=True, timeout=30)
    assert evil.encode() in piped.stdout
