"""A provider of embeddings for tests: words that mean the same share a direction, and it fails on demand."""

from __future__ import annotations

import base64
import json
import re
import threading
import zlib
from array import array
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 64

CONCEPTS = (
    "car automobile vehicle voiture wagen",
    "doctor physician arzt médecin surgery",
    "broke broken failed defekt repair mend",
    "holiday vacation urlaub vacances trip",
    "money cash geld salary wages",
)

_AXES = {word: axis for axis, words in enumerate(CONCEPTS) for word in words.split()}

Answer = tuple[int, bytes]


def vector(text: str) -> list[float]:
    """Concepts weigh most; of every other word a little of its own."""
    made = [0.001] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        axis = _AXES.get(word)
        if axis is None:
            made[16 + zlib.crc32(word.encode()) % (DIMENSIONS - 16)] += 0.3
        else:
            made[axis] += 3
    return made


class Provider:
    """asked: the texts of each request; headers: those of the last one; arrived: released once for each.
    gate: answers wait until it is set. answer: makes what is answered, instead of vectors."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[list[str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.answer: Callable[[dict[str, Any]], Answer] = embeddings

    def texts(self) -> list[str]:
        return [text for texts in self.asked for text in texts]

    def holds(self) -> None:
        """From now on nobody is answered, and `arrived` counts anew."""
        self.gate.clear()
        while self.arrived.acquire(blocking=False):
            pass

    def works(self) -> None:
        """Again as in the beginning."""
        self.answer = embeddings
        self.gate.set()


def embeddings(body: dict[str, Any]) -> Answer:
    return data([encoded(vector(text)) for text in body["input"]])


def as_numbers(body: dict[str, Any]) -> Answer:
    """What servers do that do not know `encoding_format`."""
    return data([vector(text) for text in body["input"]])


def encoded(numbers: list[float]) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


def data(vectors: list[Any]) -> Answer:
    """In another order than asked, which the index says."""
    found = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(vectors)]
    return 200, json.dumps({"object": "list", "data": found[::-1]}).encode()


@contextmanager
def serving() -> Generator[Provider]:
    """A provider on a free port of this machine."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            provider.headers = dict(self.headers.items())
            provider.bodies.append(body)
            provider.asked.append(body["input"])
            provider.arrived.release()
            provider.gate.wait(20)
            status, content = provider.answer(body) if self.path == "/v1/embeddings" else (404, b"{}")
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # who asked did not wait

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        provider.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
