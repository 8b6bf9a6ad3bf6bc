"""Vectors drawn by their text behind OpenAI's /embeddings, on a free port of loopback, which it prints.

python drawn_vectors.py NUMBERS
"""

from __future__ import annotations

import json
import random
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBERS = int(sys.argv[1])


def vector(text: str) -> list[float]:
    return [byte / 127.5 - 1 for byte in random.Random(text).randbytes(NUMBERS)]


class Embeddings(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet, which nobody waits to be acknowledged

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = [{"index": place, "embedding": vector(text)} for place, text in enumerate(asked["input"])]
        answer = json.dumps({"object": "list", "model": "drawn", "data": data}).encode()
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
