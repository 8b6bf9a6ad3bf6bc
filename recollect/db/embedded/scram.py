"""The client's side of SCRAM-SHA-256 (RFC 5802, 7677), for the one server that needs a password: Windows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


class ScramClient:
    """One exchange: `first`, then `final` with the server's answer, then `verify` the server's proof.

    The password is ASCII (Recollect makes it up), so no SASLprep is needed. PostgreSQL takes the
    name from the startup packet.
    """

    def __init__(self, password: str, nonce: str | None = None, name: str = "") -> None:
        self._password = password
        self._name = name
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._proof_of_server = b""

    def first(self) -> str:
        """The opening message."""
        return "n,," + self._first_bare()

    def final(self, challenge: str) -> str:
        """The proof that answers the server's challenge. Raises ValueError if it is not for us."""
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        if not fields["r"].startswith(self._nonce):
            raise ValueError("the server answered with another nonce")
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password.encode(), base64.b64decode(fields["s"]), int(fields["i"])
        )
        client_key = _hmac(salted, b"Client Key")
        unproven = f"c=biws,r={fields['r']}"
        exchange = f"{self._first_bare()},{challenge},{unproven}".encode()
        signature = _hmac(hashlib.sha256(client_key).digest(), exchange)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._proof_of_server = _hmac(_hmac(salted, b"Server Key"), exchange)
        return f"{unproven},p={base64.b64encode(proof).decode()}"

    def verify(self, answer: str) -> None:
        """Raises ValueError unless the server has proved that it knows the password too."""
        if not hmac.compare_digest(base64.b64decode(answer.removeprefix("v=")), self._proof_of_server):
            raise ValueError("the server does not know the password")

    def _first_bare(self) -> str:
        return f"n={self._name},r={self._nonce}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
