"""OpenAI's /embeddings on a free port of loopback, which it prints.

python embeddings_server.py wordllama   the static model, in an environment that has its wheel
python embeddings_server.py NUMBERS     vectors of so many numbers, drawn by their text
"""

from __future__ import annotations

import base64
import json
import random
import sys
from array import array
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Embed = Callable[[list[str]], list[bytes]]
"""The vector of each text: its numbers as little-endian floats of four bytes."""


def wordllama() -> Embed:
    """Nothing is downloaded: the wheel brings the weights."""
    import wordllama

    # The wheel has both files, but looks for one of them in its cache alone.
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    return lambda texts: [vector.tobytes() for vector in model.embed(texts).astype("<f4")]


def drawn(numbers: int) -> Embed:
    def vector(text: str) -> bytes:
        return array("f", (byte / 127.5 - 1 for byte in random.Random(text).randbytes(numbers))).tobytes()

    return lambda texts: list(map(vector, texts))


EMBED = wordllama() if sys.argv[1] == "wordllama" else drawn(int(sys.argv[1]))


class Embeddings(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet, which nobody waits to be acknowledged

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = [
            {"index": place, "embedding": base64.b64encode(vector).decode()}
            for place, vector in enumerate(EMBED(asked["input"]))
        ]
        answer = json.dumps({"object": "list", "model": sys.argv[1], "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass  # standard output carries the port alone


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Embeddings)
    print(server.server_port, flush=True)
    server.serve_forever()
