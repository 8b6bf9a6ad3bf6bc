"""Everything that can go wrong, as one tree.

    RecollectError
    ├── InvalidArgument        an argument is not acceptable; `argument` names it
    │   └── InvalidSetting     so is a setting, such as a URL
    ├── Unauthenticated        no token, or one that is not accepted
    ├── Forbidden              the token does not allow this; `scopes` are those it takes
    ├── TooManyRequests        the user's minute is used up; `retry_after` seconds
    ├── NotFound               no such thing for this user (another user's thing looks the same)
    ├── AlreadyExists          a conversation with this id exists
    ├── Conflict
    │   ├── HeadMoved          the conversation grew since the caller looked; `head`, `added`
    │   ├── KeyReused          the idempotency key came back with other content
    │   └── NotReproducible    a receipt's window cannot be made again; the text says why
    ├── Unavailable            the database cannot be used right now; retrying may help
    │   └── OutcomeUnknown     the connection broke after a write was sent without a key
    └── NotReady               the database needs an operator: migration, roles, configuration

A message is written for whoever acts next, often a model: it says what to do. None carries
a connection string, a token, a stack trace, or another user's data.
"""

from __future__ import annotations

from collections.abc import Iterable

from recollect.models.message import Message


class RecollectError(Exception):
    """Base of all errors that Recollect raises on purpose."""


class InvalidArgument(RecollectError):
    """An argument is not acceptable. Nothing was changed."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument
        self.problem = problem


class InvalidSetting(InvalidArgument):
    """A setting that only who uses it can judge, such as a URL, is not acceptable. Nothing was opened."""


class Unauthenticated(RecollectError):
    """There is no token, or it is not accepted. The text says what is wrong with it, never what it is."""


class Forbidden(RecollectError):
    """The token is good and does not allow this. Nothing was changed.

    scopes:  all that the operation needs, whether or not the token has some of them.
    """

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(scopes)
        super().__init__(f"the token does not allow this; it takes the scopes {' and '.join(self.scopes)}")


class TooManyRequests(RecollectError):
    """This user asked for more than fits into a minute. Nothing was changed.

    retry_after:  seconds until the same request will be let in.
    """

    def __init__(self, what: str, retry_after: int) -> None:
        super().__init__(f"{what} within a minute; try again in {retry_after} seconds")
        self.retry_after = retry_after


class NotFound(RecollectError):
    """No such thing for this user. The text is the same for what is missing and what is foreign."""


class AlreadyExists(RecollectError):
    """A conversation with this id exists already for this user."""


class Conflict(RecollectError):
    """The request does not fit the present state. Nothing was changed."""


class HeadMoved(Conflict):
    """The conversation's head is not the one that the caller expected.

    head:   the present head (a seq; 0 for an empty conversation).
    added:  the messages on the path to the present head that are not on the path to the expected
            one, oldest first, at most 20.
    """

    def __init__(self, message: str, *, head: int, added: list[Message]) -> None:
        super().__init__(message)
        self.head = head
        self.added = added


class KeyReused(Conflict):
    """The idempotency key was used before in this conversation, with other content."""


class NotReproducible(Conflict):
    """The window that a receipt stands for cannot be made again: what it was made of has changed."""


class Unavailable(RecollectError):
    """The database cannot be reached or is overloaded. A retry may succeed."""


class OutcomeUnknown(Unavailable):
    """The connection broke after a write without an idempotency key was sent: it may have landed."""


class NotReady(RecollectError):
    """The database or the configuration needs an operator; the text names the command."""
