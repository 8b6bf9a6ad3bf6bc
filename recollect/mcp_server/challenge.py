"""How a request is refused whose token is missing, not accepted, or does not allow enough.

A client reads the WWW-Authenticate header (RFC 6750, RFC 9728): where to learn who gives out
tokens, which scopes to ask for, and what was wrong.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response

from recollect.identity.authorization import challenge
from recollect.mcp_server.body import TooLarge
from recollect.models.errors import Forbidden, NotReady, TooManyRequests, Unauthenticated, Unavailable

RETRY_AFTER_SECONDS = 5


def unauthenticated(error: Unauthenticated, metadata_url: str, *, sent: bool) -> Response:
    """401. sent: there was a token; a request without one gets no error code (RFC 6750, 3.1)."""
    header = challenge(error, metadata_url, sent=sent)
    return _refused(401, "invalid_token" if sent else "unauthorized", str(error), header)


def forbidden(error: Forbidden, metadata_url: str) -> Response:
    """403 that names all scopes of the operation at once."""
    return _refused(403, "insufficient_scope", str(error), challenge(error, metadata_url, sent=True))


def unavailable(error: Unavailable | NotReady) -> Response:
    """503: nobody can tell right now whether the token is good. What an operator has to do about it
    stands in the log, not here."""
    text = str(error) if isinstance(error, Unavailable) else "the server is not ready; its log says why"
    content = {"error": "temporarily_unavailable", "error_description": text}
    return JSONResponse(content, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def too_many(error: TooManyRequests) -> Response:
    """429 that says when to come again."""
    content = {"error": "too_many_requests", "error_description": str(error)}
    return JSONResponse(content, 429, {"Retry-After": str(error.retry_after)})


def too_large(error: TooLarge) -> Response:
    """413."""
    return PlainTextResponse(f"The request has more than {error}; send less at once.\n", 413)


def _refused(status: int, code: str, text: str, header: str) -> JSONResponse:
    content = {"error": code, "error_description": text}
    return JSONResponse(content, status, {"WWW-Authenticate": header})
