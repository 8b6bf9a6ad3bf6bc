"""An identity provider for tests: keys, tokens, and a server on this machine that publishes the keys."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

AUDIENCE = "https://history.example.com"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


MAKE: dict[str, Callable[[], PrivateKey]] = {
    "RS256": rsa_key,
    "PS256": rsa_key,
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def public(key: PrivateKey) -> dict[str, Any]:
    """The public half as a JWK without `alg`, as Better Auth publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        made: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        made = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        made = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in made.items() if name not in ("alg", "key_ops")}


class Provider:
    """Signs tokens and publishes its keys.

    audience:  for whom its tokens are.
    asked:     the paths that were asked for, in order.
    answers:   what a path is answered with, instead of its document: a status and a body.
    arrived:   released once for each question.
    gate:      answers wait until it is set.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.audience = AUDIENCE
        self.keys: dict[str, tuple[str, PrivateKey]] = {}
        self.published: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.headers: dict[str, str] = {}
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    def add(self, key_id: str, algorithm: str = "EdDSA", **member: Any) -> None:
        """Make and publish a signing key; `member` goes into its JWK."""
        key = MAKE[algorithm]()
        self.keys[key_id] = (algorithm, key)
        self.published.append({**public(key), "kid": key_id, **member})

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Those of a good token of alice; None takes a claim away."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "aud": self.audience,
            "sub": "alice",
            "iat": now,
            "exp": now + 600,
            "scope": "history:read history:write",
        } | claims
        return {name: value for name, value in whole.items() if value is not None}

    def token(self, *, key_id: str | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token of alice, but for what is given."""
        chosen = next(iter(self.keys)) if key_id is None else key_id
        algorithm, key = self.keys[chosen]
        return jwt.encode(
            self.claims(**claims), key, algorithm=algorithm, headers={"kid": chosen} | (header or {})
        )

    def document(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        self.arrived.release()
        self.gate.wait(10)
        if path in self.answers:
            return self.answers[path]
        if path == "/jwks":
            return 200, json.dumps({"keys": self.published}).encode()
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": self.jwks_url}).encode()
        return 404, b"{}"

    def posted(self, path: str, body: bytes) -> tuple[int, bytes]:
        """What is answered to a POST."""
        self.asked.append(path)
        return 404, b"{}"


P = TypeVar("P", bound=Provider)


@contextmanager
def serving(kind: type[P] = Provider) -> Generator[P]:
    """A provider on a free port of this machine."""
    provider = kind()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(*provider.document(self.path))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.answer(*provider.posted(self.path, self.rfile.read(length)))

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        provider.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield provider
        finally:
            provider.gate.set()
            server.shutdown()
            thread.join()
