"""Cursors that no list gave, or another one did: refused by name, and never a way to somebody else's."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from recollect.history import cursor as cursors
from tests.identity.provider import Provider, serving
from tests.mcp_server.http_process import HttpProcess, bearer, call, request
from tests.mcp_server.protected.conftest import PUBLIC, settings_for
from tests.serving.conftest import rest

NO_FILTERS = (None, False, False, None, None)
"""What a list is a list of where nobody asks for less."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Two(NamedTuple):
    """A server, and the tokens of two users who have three conversations each."""

    server: HttpProcess
    alice: str
    bob: str


@pytest.fixture(scope="module")
def two(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Two]:
    with serving() as provider:
        provider.add("one")
        provider.audience = PUBLIC
        log: Path = tmp_path_factory.mktemp("server") / "log"
        server = HttpProcess(settings_for(provider, RECOLLECT_DATABASE_URL=shared_url), log)
        yield Two(server, having(server, provider, "alice"), having(server, provider, "bob"))
        server.stop()


def having(server: HttpProcess, provider: Provider, user: str) -> str:
    token = provider.token(sub=user, scope="history:write history:erase")
    for number in range(3):
        made = rest(server, "POST", "/me/conversations", {"id": f"{user}-{number}"}, **bearer(token))
        assert made.status == 201
    return token


def first_cursor(two: Two, token: str) -> str:
    page = rest(two.server, "GET", "/me/conversations?limit=1", **bearer(token)).json
    return page["next_cursor"]


def over_rest(two: Two, token: str, cursor: str) -> tuple[int, str]:
    answer = rest(two.server, "GET", f"/me/conversations?cursor={quote(cursor, safe='')}", **bearer(token))
    return answer.status, answer.body.decode()


def over_mcp(two: Two, token: str, cursor: str) -> tuple[bool, str]:
    result = call(two.server, token, "list_conversations", cursor=cursor).json["result"]
    return result.get("isError", False), result["content"][0]["text"]


def as_resources(two: Two, token: str, cursor: str) -> dict[str, Any]:
    return two.server.send(request("resources/list", {"cursor": cursor}), **bearer(token)).json


def made_of(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


FILTERS = json.loads(base64.urlsafe_b64decode(cursors.encode(NO_FILTERS, NOW, "alice") + "=="))[1]

FORGED = {
    "a word": "next",
    "no base64": "é*",
    "no JSON": base64.urlsafe_b64encode(b"\xff\xfe{").decode(),
    "an object": made_of({"id": "alice-0"}),
    "another version": made_of([2, FILTERS, 1, "alice-0"]),
    "no digest": made_of([1, None, 1, "alice-0"]),
    "a moment that is none": made_of([1, FILTERS, 2**200, "alice-0"]),
    "a moment that is no number": made_of([1, FILTERS, "1", "alice-0"]),
    "deep": base64.urlsafe_b64encode(b"[" * 20_000).decode(),
    "SQL": "' OR 1=1; DROP SCHEMA recollect CASCADE; --",
    "NUL in the id": cursors.encode(NO_FILTERS, NOW, "a\0b"),
    "a lone surrogate in the id": cursors.encode(NO_FILTERS, NOW, "\ud83d"),
    "other filters": cursors.encode((True, False, False, None, None), NOW, "alice-0"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_cursor_is_refused_by_name(name: str, two: Two) -> None:
    status, said = over_rest(two, two.alice, FORGED[name])
    assert (status, json.loads(said)["argument"]) == (422, "cursor"), said
    failed, said = over_mcp(two, two.alice, FORGED[name])
    assert failed
    assert said.partition("cursor: ")[2], said
    assert "failed inside" not in said
    assert as_resources(two, two.alice, FORGED[name])["error"]["code"] == -32602


def test_a_cursor_that_was_cut_is_refused_wherever_it_was_cut(two: Two) -> None:
    whole = first_cursor(two, two.alice)
    for length in range(1, len(whole)):
        status, said = over_rest(two, two.alice, whole[:length])
        assert (status, json.loads(said)["argument"]) == (422, "cursor"), length


def test_another_user_s_cursor_leads_nowhere_but_through_one_s_own(two: Two) -> None:
    hers = first_cursor(two, two.alice)
    status, listed = over_rest(two, two.bob, hers)
    assert status == 200
    assert "alice" not in listed
    assert "alice" not in over_mcp(two, two.bob, hers)[1]
    assert "alice" not in json.dumps(as_resources(two, two.bob, hers))
    # A cursor is no secret: one that stands before everything gives him all of his own, and only those.
    everything = cursors.encode(NO_FILTERS, datetime(2100, 1, 1, tzinfo=UTC), "alice-0")
    listed = over_rest(two, two.bob, everything)[1]
    assert {one["id"] for one in json.loads(listed)["conversations"]} == {"bob-0", "bob-1", "bob-2"}


def test_a_cursor_outlives_what_it_stands_at(two: Two) -> None:
    cursor = first_cursor(two, two.alice)
    before = {one["id"] for one in json.loads(over_rest(two, two.alice, cursor)[1])["conversations"]}
    assert before == {"alice-0", "alice-1"}
    gone = rest(two.server, "DELETE", "/me/conversations/alice-2?permanent=true", **bearer(two.alice))
    assert gone.status == 200
    status, listed = over_rest(two, two.alice, cursor)
    assert status == 200
    assert {one["id"] for one in json.loads(listed)["conversations"]} == before
    assert over_mcp(two, two.alice, cursor)[0] is False
