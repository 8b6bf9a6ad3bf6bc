"""The two headers about tokens: what a request says in Authorization, and what a refusal asks for
in WWW-Authenticate (RFC 6750, RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers

from recollect.identity.caller import READ, WRITE
from recollect.models.errors import Forbidden, Unauthenticated

BASIC_SCOPES = (READ, WRITE)
"""What a client should ask for first. `history:erase` is asked for when something is to be erased."""


def bearer_token(headers: Headers) -> str | None:
    """What stands after `Bearer`; None without an Authorization header.

    Raises: Unauthenticated for any other kind of authorization, and for more than one.
    """
    given = headers.getlist("authorization")
    if not given:
        return None
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("the Authorization header must be one, of the form Bearer TOKEN")
    return token.strip()


def challenge(error: Unauthenticated | Forbidden, metadata_url: str | None, *, sent: bool) -> str:
    """The WWW-Authenticate header: which scopes to ask for, where to learn who gives out tokens, and
    what was wrong.

    metadata_url:  where that can be learned; None: nowhere.
    sent:          there was a token; a request without one gets no error code (RFC 6750, 3.1).
    """
    if isinstance(error, Forbidden):
        return _challenge("insufficient_scope", str(error), error.scopes, metadata_url)
    return _challenge("invalid_token" if sent else None, str(error), BASIC_SCOPES, metadata_url)


def _challenge(code: str | None, text: str, scopes: Iterable[str], metadata_url: str | None) -> str:
    parameters = {
        "error": code,
        "error_description": text if code else None,
        "scope": " ".join(scopes),
        "resource_metadata": metadata_url,
    }
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items() if value)


def _quoted(value: str) -> str:
    """What may stand between quotes in a header, whatever the text is."""
    return value.encode("ascii", "replace").decode().replace("\\", "/").replace('"', "'")
