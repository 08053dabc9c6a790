"""A tail as server-sent events, resumed without a gap or a repeat, and cursors of long results."""

import http.client
import json
import threading
import urllib.parse

from conftest import until
from test_http import now_ns, push


class Events:
    """Reads the stream in a thread."""

    def __init__(self, server, headers=None, **parameters):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
        self.connection.request(
            "GET", "/api/v1/logs/events?" + urllib.parse.urlencode(parameters),
            headers=headers or {})
        self.answer = self.connection.getresponse()
        assert self.answer.getheader("Content-Type") == "text/event-stream"
        assert self.answer.readline() == b":\n", "the head, when nothing can be missed any more"
        self.seen, self.kinds, self.last = [], [], None
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        kind, place = "message", None
        try:
            for raw in self.answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("id: "):
                    place = line[4:]
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    if kind == "message":
                        self.seen.append(json.loads(line[6:])["line"])
                        self.last = place
                    self.kinds.append(kind)
                elif not line:
                    kind = "message"
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass

    def close(self):
        self.connection.sock and self.connection.sock.close()
        self.connection.close()


def test_events_resume_without_gap_or_repeat(make_server):
    server = make_server()
    # As logspout stamps them: many of one second.
    second = now_ns() // 10**9 * 10**9
    sent = [f"line {number}" for number in range(60)]

    def send(numbers):
        values = [[str(second + number // 7 * 10**9), sent[number]] for number in numbers]
        assert push(server, values)[0] == 204

    send(range(0, 10))
    events = Events(server, query='{app="shop"}', start=second)
    until(lambda: len(events.seen) == 10, what="what was there")
    send(range(10, 25))
    until(lambda: len(events.seen) == 25, what="what comes in")
    assert events.seen == sent[:25]
    last = events.last
    events.close()
    send(range(25, 40))
    server.kill()
    server.start()
    events = Events(server, query='{app="shop"}', resume=last)
    until(lambda: len(events.seen) >= 15, what="what came meanwhile")
    send(range(40, 50))
    until(lambda: len(events.seen) >= 25, what="what comes in again")
    assert events.seen == sent[25:50]
    last = events.last
    events.close()
    send(range(50, 60))
    # As a browser's EventSource comes again.
    events = Events(server, headers={"Last-Event-ID": last}, query='{app="shop"} |= "line"')
    until(lambda: len(events.seen) >= 10, what="the rest")
    assert events.seen == sent[50:]
    events.close()


def test_without_a_start_only_what_comes(server):
    push(server, [[str(now_ns()), "before"]])
    events = Events(server, query="{}")
    push(server, [[str(now_ns()), "after"]])
    until(lambda: events.seen, what="a line")
    assert events.seen == ["after"]
    events.close()


def test_what_is_wrong(server):
    for parameters, word in [
        ({"query": "{} | json | x=="}, "parse error"), ({"query": "{}", "resume": "x"}, "resume"),
        ({"query": "{}", "resume": "1.-1"}, "resume"), ({"query": "{}", "start": "x"}, "start"),
    ]:
        status, body = server.request("GET", "/api/v1/logs/events", **parameters)
        assert status == 400 and word in json.loads(body)["error"], (parameters, body)
    status, body = server.request("GET", "/api/v1/logs/stream", query="{}", cursor="1")
    assert status == 400 and b"cursor" in body


def test_cursors(server):
    second = now_ns() // 10**9 * 10**9 - 10 * 10**9
    count = 5_000
    push(server, [[str(second + number // 9 * 10**6), f"line {number}"] for number in range(count)])
    for direction in ["forward", "backward"]:
        parameters = {"query": "{}", "direction": direction, "end": second + 10**10}
        whole = read(server, **parameters)[0]
        assert len(whole) == count
        found, cursor = [], ""
        while True:
            # Leaves after the first page, as a client whose connection broke.
            lines, cursors = read(server, until_cursor=True, cursor=cursor, **parameters)
            found += lines
            if not cursors:
                break
            cursor = cursors[0]
        assert found == whole


def read(server, until_cursor=False, **parameters):
    _, body = server.request("GET", "/api/v1/logs/stream", **parameters)
    lines, cursors = [], []
    for text in body.decode().splitlines():
        note = json.loads(text)
        if "cursor" in note:
            cursors.append(note["cursor"])
            if until_cursor:
                break
        else:
            lines.append(note["line"])
    return lines, cursors
