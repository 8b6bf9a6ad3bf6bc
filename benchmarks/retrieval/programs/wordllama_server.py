"""WordLlama's static vectors behind OpenAI's /embeddings, on a free port of loopback, which it prints.

Runs in an environment that has `wordllama`, whose wheel brings the weights; nothing is downloaded.
"""

from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import wordllama

# The wheel has both files, but looks for one of them in its cache alone.
MODEL = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


class Embeddings(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vectors = MODEL.embed(asked["input"]).astype("<f4")
        data = [
            {"index": place, "embedding": base64.b64encode(vector.tobytes()).decode()}
            for place, vector in enumerate(vectors)
        ]
        answer = json.dumps({"object": "list", "model": "wordllama", "data": data}).encode()
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
