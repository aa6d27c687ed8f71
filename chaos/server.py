"""A server on this machine that gives faulty answers, for one file."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np

CONTENT = np.random.default_rng(0).bytes(200_000)
"""The file's right bytes."""
PAGE = b"<html><body>Sorry, we are down for maintenance.</body></html>"
DRIP = 0.05
"""Seconds between the bytes of a slow drip."""


class Handler(BaseHTTPRequestHandler):
    """Answers by the next of `answers`, the last of them for ever where it ends in "!", and then
    well. `asked` holds the paths that were asked for."""

    answers: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        answer = self.answers[0] if self.answers else "good"
        if not answer.endswith("!") and self.answers:
            self.answers.pop(0)
        kind, _, argument = answer.rstrip("!").partition(" ")
        self.close_connection = True
        with suppress(ConnectionError):  # the client may have had enough
            ANSWERS[kind](self, argument)

    def say(self, body: bytes, length: int, status: int = 200, **headers: str) -> None:
        """Headers, with a length that may be a lie, and a body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _reset(handler: Handler, tenth: str) -> None:
    """Break off rudely after so many tenths of the file: the client sees a reset."""
    handler.say(CONTENT[: len(CONTENT) * int(tenth) // 10], len(CONTENT))
    handler.wfile.flush()
    time.sleep(0.05)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def _drip(handler: Handler, _: str) -> None:
    """A byte at a time, for ever."""
    handler.say(b"", len(CONTENT))
    for i in range(len(CONTENT)):
        handler.wfile.write(CONTENT[i : i + 1])
        time.sleep(DRIP)


def _endless(handler: Handler, _: str) -> None:
    """Without a length, and without an end."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    while True:
        handler.wfile.write(CONTENT)


def _loop(handler: Handler, _: str) -> None:
    place, _, turn = handler.path.partition("?")
    handler.say(b"", 0, 302, Location=f"{place}?{int(turn or 0) + 1}")


ANSWERS: dict[str, Callable[[Handler, str], None]] = {
    "good": lambda handler, _: handler.say(CONTENT, len(CONTENT)),
    "cut": lambda handler, _: handler.say(CONTENT[: len(CONTENT) // 2], len(CONTENT)),
    "short": lambda handler, _: handler.say(CONTENT[: len(CONTENT) // 2], len(CONTENT) // 2),
    "long": lambda handler, _: handler.say(CONTENT + b"more", len(CONTENT) + 4),
    "wrong": lambda handler, _: handler.say(CONTENT[::-1], len(CONTENT)),
    "page": lambda handler, _: handler.say(PAGE, len(PAGE), Content_Type="text/html"),
    "empty": lambda handler, _: handler.say(b"", 0),
    "encoded": lambda handler, _: handler.say(CONTENT, len(CONTENT), Content_Encoding="gzip"),
    "status": lambda handler, code: handler.say(PAGE, len(PAGE), int(code)),
    "reset": _reset,
    "drip": _drip,
    "endless": _endless,
    "loop": _loop,
}


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, while the block runs."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()
