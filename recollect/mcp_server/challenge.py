"""How a request is refused whose token is missing, not accepted, or does not allow enough.

A client reads the WWW-Authenticate header (RFC 6750, RFC 9728): where to learn who gives out
tokens, which scopes to ask for, and what was wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse, PlainTextResponse, Response

from recollect.identity.caller import READ, WRITE
from recollect.models.errors import Forbidden, NotReady, TooManyRequests, Unauthenticated, Unavailable

BASIC_SCOPES = (READ, WRITE)
"""What a client should ask for first. `history:erase` is asked for when something is to be erased."""

RETRY_AFTER_SECONDS = 5


def unauthenticated(error: Unauthenticated, metadata_url: str, *, sent: bool) -> Response:
    """401. sent: there was a token; a request without one gets no error code (RFC 6750, 3.1)."""
    code = "invalid_token" if sent else None
    return _refused(401, code, str(error), BASIC_SCOPES, metadata_url)


def forbidden(error: Forbidden, metadata_url: str) -> Response:
    """403 that names all scopes of the operation at once."""
    return _refused(403, "insufficient_scope", str(error), error.scopes, metadata_url)


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


def too_large(most: int) -> Response:
    """413."""
    return PlainTextResponse(f"The request has more than {most} bytes.\n", 413)


def _refused(
    status: int, code: str | None, text: str, scopes: Iterable[str], metadata_url: str
) -> JSONResponse:
    parameters = {
        "error": code,
        "error_description": text if code else None,
        "scope": " ".join(scopes),
        "resource_metadata": metadata_url,
    }
    challenge = ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items() if value)
    content = {"error": code or "unauthorized", "error_description": text}
    return JSONResponse(content, status, {"WWW-Authenticate": f"Bearer {challenge}"})


def _quoted(value: str) -> str:
    """What may stand between quotes in a header, whatever the text is."""
    return value.encode("ascii", "replace").decode().replace("\\", "/").replace('"', "'")
