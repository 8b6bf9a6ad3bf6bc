"""What the types of the Python interface forbid is refused by name, and harms nobody else."""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

import recollect
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models import errors
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage

HELLO = NewMessage("user", "hello")


@pytest.mark.parametrize(
    ("argument", "verb", "given"),
    [
        ("messages", "append", {"id": "talk", "new": (HELLO for _ in range(2))}),
        ("messages", "append", {"id": "talk", "new": None}),
        ("messages[0]", "append", {"id": "talk", "new": "hello"}),
        ("messages", "open_turn", {"message": None, "key": "k"}),
        ("query", "open_turn", {"message": HELLO, "key": "k", "query": 5}),
        ("query", "context", {"id": "talk", "query": 5}),
        ("pinned", "list", {"pinned": "yes"}),
        ("archived", "list", {"archived": "any"}),
        ("trash", "list", {"trash": None}),
        ("pinned", "update", {"id": "talk", "pinned": 1}),
        ("archived", "update", {"id": "talk", "archived": "no"}),
        ("restore", "update", {"id": "talk", "restore": "talk"}),
        ("head", "update", {"id": "talk", "head": True}),
        ("before", "stale", {"before": "2026-01-01"}),
        ("before", "stale", {"before": datetime.fromisoformat("2026-01-01")}),
        ("before", "purge_stale", {"id": "talk", "before": datetime.fromisoformat("2026-01-01")}),
        ("format", "export_page", {"id": "talk", "format": "html", "max_chars": 1}),
    ],
)
async def test_an_argument_of_the_wrong_type_is_named(
    argument: str, verb: str, given: dict[str, Any], alice: History
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await getattr(alice, verb)(**given)
    assert refused.value.argument == argument


async def test_another_event_loop_is_refused_and_breaks_nothing_of_the_first(
    shared_store: Recollect, alice: History
) -> None:
    await alice.create(id="here")
    before = shared_store.pool_use()

    def elsewhere(call: Callable[[], Awaitable[object]]) -> None:
        async def run() -> None:
            with pytest.raises(RuntimeError, match=r"another event loop.*run_coroutine_threadsafe"):
                await call()

        asyncio.run(run())

    for call in (lambda: alice.get("here"), lambda: alice.append("here", HELLO), shared_store.check_ready):
        await asyncio.to_thread(elsewhere, call)
    assert shared_store.pool_use() == before
    assert (await alice.append("here", HELLO)).first_seq == 1


def test_what_the_verbs_give_and_raise_can_be_imported_from_the_package() -> None:
    given: set[str] = set()
    for _, verb in inspect.getmembers(History, inspect.isfunction):
        if not verb.__name__.startswith("_"):
            given |= set(_ours(typing.get_type_hints(verb)["return"]))
    raised = {name for name, one in vars(errors).items() if inspect.isclass(one) and _is_error(one)}
    assert {"ConversationPage", "ConversationReport", "ExportPage", "RecalledMessage"} <= given
    assert given | raised | {"Format", "Part", "Role"} <= set(recollect.__all__)
    assert all(hasattr(recollect, name) for name in recollect.__all__)
    assert set(re.findall(r"── (\w+)", errors.__doc__ or "")) == raised - {"RecollectError"}


def _is_error(one: type) -> bool:
    return issubclass(one, errors.RecollectError)


def _ours(hint: Any) -> list[str]:
    """The names of this package's classes in a type, and of those that they hold."""
    if typing.get_args(hint):
        return [name for inner in typing.get_args(hint) for name in _ours(inner)]
    if not getattr(hint, "__module__", "").startswith("recollect."):
        return []
    return [hint.__name__, *(name for held in typing.get_type_hints(hint).values() for name in _ours(held))]
