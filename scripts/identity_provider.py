"""An identity provider to try a protected server with, on this machine: python -m scripts.identity_provider.

It publishes what Better Auth's `jwt()` plugin does: Ed25519 keys without `alg` below /api/auth/jwks, and
at /api/auth/token the token of somebody who is logged in. It also is as much of an OAuth 2.1
authorization server as an MCP client needs. Whoever asks is whom they say, so it is for trying alone.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import secrets
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

HOST = "127.0.0.1"
LIFETIME = 900
"""Seconds that a token is good for, as Better Auth's are."""

USER = "alice"
"""Who is logged in where a browser is sent to."""


class Provider:
    """Its keys, and the codes that were given out and not yet redeemed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self.rotate()

    def rotate(self) -> str:
        """Make a new key, with which all further tokens are signed; the older ones stay published."""
        key_id = str(uuid.uuid4())
        self._keys[key_id] = Ed25519PrivateKey.generate()
        return key_id

    def jwks(self) -> dict[str, Any]:
        keys: list[dict[str, Any]] = []
        for key_id, key in self._keys.items():
            public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
            keys.append({name: public[name] for name in ("kty", "crv", "x")} | {"kid": key_id})
        return {"keys": keys}

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "jwks_uri": f"{self.url}/api/auth/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }

    def token(self, user: str, audience: str, **claims: str) -> str:
        """A token of a user, signed with the newest key."""
        key_id, key = list(self._keys.items())[-1]
        now = int(time.time())
        whole = {"iss": self.url, "aud": audience, "sub": user, "iat": now, "exp": now + LIFETIME, **claims}
        return jwt.encode(whole, key, algorithm="EdDSA", headers={"kid": key_id})

    def agree(self, asked: dict[str, str]) -> str:
        """Where a browser goes after its user agreed to what a client asked for."""
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        answer = {"code": code, "state": asked.get("state", ""), "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def redeem(self, form: dict[str, str]) -> dict[str, Any] | None:
        """The token for a code; None if the code is not good, or not this client's."""
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or _challenge(form.get("code_verifier", "")) != asked.get("code_challenge"):
            return None
        scope = asked.get("scope", "")
        token = self.token(USER, asked.get("resource", self.url), scope=scope, azp=form.get("client_id", ""))
        return {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": scope}


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _first(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    provider: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        given = _first(address.query)
        match address.path:
            case "/api/auth/jwks":
                self._say(200, self.provider.jwks())
            case "/api/auth/token":
                token = self.provider.token(given.get("user", USER), self.provider.url)
                self._say(200, {"token": token})
            case "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration":
                self._say(200, self.provider.metadata())
            case "/authorize":
                self._say(302, {}, Location=self.provider.agree(given))
            case _:
                self._say(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        match self.path:
            case "/register":
                self._say(201, json.loads(body) | {"client_id": secrets.token_hex(8)})
            case "/token":
                answer = self.provider.redeem(_first(body))
                self._say(*((400, {"error": "invalid_grant"}) if answer is None else (200, answer)))
            case "/rotate":
                self._say(200, {"kid": self.provider.rotate()})
            case _:
                self._say(404, {})

    def _say(self, status: int, content: dict[str, Any], **headers: str) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line would hold codes."""


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m scripts.identity_provider", description=__doc__)
    default = int(os.environ.get("PROVIDER_PORT", "9100"))
    parser.add_argument("--port", type=int, default=default, help="0 chooses a free one; default: 9100")
    with ThreadingHTTPServer((HOST, parser.parse_args().port), Handler) as server:
        Handler.provider = Provider(f"http://{HOST}:{server.server_address[1]}")
        print(f"An identity provider for trying listens on {Handler.provider.url}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
