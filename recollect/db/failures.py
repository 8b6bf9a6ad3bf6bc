"""What asyncpg, the network and PostgreSQL raise, as the errors of `recollect.models.errors`.

Decided by type and SQLSTATE alone, never by text. The messages say what to do next and hold no
address, name or value; the original error is chained for the log. What is left untouched: a
broken constraint (class 23; the verb knows what it means), and what can only be a defect here.
"""

from __future__ import annotations

import re
import socket
import ssl

import asyncpg
from asyncpg.exceptions import InternalClientError, TargetServerAttributeNotMatched

from recollect.models.errors import NotReady, OutcomeUnknown, RecollectError, Unavailable

DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, InternalClientError)
"""Everything that asyncpg lets out; TimeoutError is an OSError."""

# Shutdown, crash, recovery, a dropped database, an idle session that the server ended.
_SESSION_ENDED = ("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")
READ_ONLY_TRANSACTION = "25006"
_SCHEMA_MISSING = ("42P01", "42883", "42703", "3F000")

MIGRATE = (
    "The database has no Recollect schema, or one of another version: run `recollect migrate`; where the "
    "schema is newer than this server, upgrade Recollect."
)
GRANT = (
    "The connection's role may not act as recollect_app: run `recollect migrate`, or have its owner run "
    "GRANT recollect_app TO <the role in the database URL>. `recollect doctor` shows more."
)
LOST = "The connection to the database broke; it is safe to try again."
UNKNOWN = (
    "The connection to the database broke after this was sent: it may or may not have been saved. "
    "Look before you repeat it, or give an idempotency key, which makes repeating safe."
)
TOO_SLOW = (
    "The database took longer than RECOLLECT_STATEMENT_TIMEOUT and was stopped. "
    "Ask for less at once, or try again later."
)
BUSY = "The database could not do this now because of other work; nothing was saved. Try again."
FULL = "The database is out of memory, disk space or connections; nothing was saved. Try again later."
READ_ONLY = (
    "The database accepts no writes: it is a replica, or being switched over. Try again; if it stays, "
    "point RECOLLECT_DATABASE_URL to the primary, or add target_session_attrs=read-write to it."
)


_PART = re.compile(r"_\d{6,}$")


def sqlstate(error: BaseException) -> str:
    """The five-character code of a server's error, empty for any other."""
    return (error.sqlstate or "") if isinstance(error, asyncpg.PostgresError) else ""


def broken_constraint(error: asyncpg.IntegrityConstraintViolationError) -> str:
    """The name of the constraint, as it was declared. On Citus an error names that of a part of the table,
    with the part's number behind it."""
    return _PART.sub("", error.constraint_name or "")


def is_loss(error: BaseException, *, closed: bool) -> bool:
    """Whether the connection is gone, so that another one may do better.

    closed:  whether asyncpg holds the connection for closed; its interface errors mean a loss
             only then, and a wrong use otherwise.
    """
    if isinstance(error, TimeoutError):
        return False
    if isinstance(error, OSError):
        return True
    if isinstance(error, (asyncpg.InterfaceError, InternalClientError)):
        return closed
    code = sqlstate(error)
    return code.startswith("08") or code in _SESSION_ENDED


def explain(error: BaseException, *, closed: bool, undone: bool) -> RecollectError | None:
    """The error for the caller of a statement that failed; None to let it pass as it is.

    undone:  nothing of the statement can have been stored (a read, or a transaction whose
             commit was not sent), or repeating it is safe.
    """
    if is_loss(error, closed=closed):
        return Unavailable(LOST) if undone else OutcomeUnknown(UNKNOWN)
    if isinstance(error, TimeoutError):
        return Unavailable(TOO_SLOW) if undone else OutcomeUnknown(UNKNOWN)
    code = sqlstate(error)
    if code == "57014":
        return Unavailable(TOO_SLOW)
    if code in ("40001", "40P01", "55P03", "55006") or isinstance(error, asyncpg.InvalidCachedStatementError):
        return Unavailable(BUSY)
    if code.startswith("53") or code == "58030":
        return Unavailable(FULL)
    if code == READ_ONLY_TRANSACTION:
        return Unavailable(READ_ONLY)
    if code in _SCHEMA_MISSING:
        return NotReady(MIGRATE)
    if code == "42501":
        return NotReady(GRANT)
    return None


def explain_opening(error: BaseException, *, closed: bool) -> RecollectError | None:
    """As `explain`, for the message that opens a transaction: there a bad value is the role."""
    if sqlstate(error) == "22023":
        return NotReady(MIGRATE)
    return explain(error, closed=closed, undone=True)


def refuses(error: BaseException) -> NotReady | None:
    """Why connecting can never succeed until somebody changes something; None if it may yet."""
    if _unusable_file(error) or isinstance(error, asyncpg.ClientConfigurationError):
        return NotReady(
            "RECOLLECT_DATABASE_URL: its TLS files or options cannot be used: sslrootcert, sslcert, sslkey "
            "must name files in PEM format, which belong together, and sslpassword fit."
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotReady(
            "The database's certificate could not be verified: check the host in RECOLLECT_DATABASE_URL, "
            "and that sslrootcert names its certificate authority (or is `system`)."
        )
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return NotReady("The host in RECOLLECT_DATABASE_URL is not known; check its spelling.")
    if isinstance(error, PermissionError):
        return NotReady("This account may not use the database's socket; check RECOLLECT_DATABASE_URL.")
    if isinstance(error, OSError) or not isinstance(error, asyncpg.PostgresError):
        return None
    code = sqlstate(error)
    if code.startswith("28"):
        return NotReady(
            "The database refused the user or password of RECOLLECT_DATABASE_URL; correct it, and mind that "
            "special characters in a password must be percent-encoded."
        )
    if code == "3D000":
        return NotReady(
            "The database named in RECOLLECT_DATABASE_URL does not exist; create it or correct it."
        )
    if code[:2] in ("08", "53", "57", "58", "XX"):
        return None
    return NotReady(
        f"The database refused the connection (SQLSTATE {code}): check the user, the database and the "
        "parameters after ? in RECOLLECT_DATABASE_URL."
    )


def _unusable_file(error: BaseException) -> bool:
    """Whether a certificate or key could not be read. What is wrong in a handshake has another reason."""
    return isinstance(error, ssl.SSLError) and (
        error.library in ("X509", "PEM") or (error.library == "SSL" and error.reason in (None, "PEM_LIB"))
    )


def unreachable(error: BaseException, seconds: float) -> Unavailable:
    """No connection came about within the time limit, although it might have."""
    if sqlstate(error).startswith("53"):
        reason = "it has no free connection; lower RECOLLECT_POOL_SIZE or raise its max_connections"
    elif sqlstate(error) == "08P01":
        reason = (
            "its pooler has no free connection, cannot reach the server, or refuses a parameter in the URL, "
            "such as options"
        )
    elif isinstance(error, TargetServerAttributeNotMatched):
        reason = "no host fits target_session_attrs"
    elif isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        reason = "nothing answers there; is it running, and are host and port right?"
    elif isinstance(error, TimeoutError):
        reason = "it did not answer; is a firewall in between?"
    else:
        reason = (
            "the connection breaks while it is set up; does sslmode fit the server, and has its pooler, "
            "if there is one, a free connection?"
        )
    return Unavailable(f"No connection to the database within {seconds:g} seconds: {reason}")
