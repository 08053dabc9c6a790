"""A client of WebSocket in a few lines: enough to read what a server sends. Source: RFC 6455."""

import base64
import os
import socket
import struct


class WebSocket:
    def __init__(self, port, path, headers=()):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.receive()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        self.head = head.decode()

    def receive(self):
        more = self.socket.recv(65_536)
        if not more:
            raise EOFError
        self.rest += more

    def take(self, count):
        while len(self.rest) < count:
            self.receive()
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def frame(self):
        """The next frame: its code and payload."""
        first, length = self.take(2)
        assert first & 0x80 and length < 128
        if length == 126:
            (length,) = struct.unpack(">H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.take(8))
        return first & 15, self.take(length)

    def text(self):
        """The next text; what is in between is passed over."""
        while True:
            code, payload = self.frame()
            if code == 1:
                return payload.decode()
            assert code in (9, 10), code

    def send(self, code, payload=b""):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | code, 0x80 | len(payload)]) + mask + masked)

    def close(self):
        self.socket.close()
