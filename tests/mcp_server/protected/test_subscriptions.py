"""Streams of changes: each user hears of their own conversations, whichever process wrote."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import closing

import pytest

from recollect import NewMessage, Recollect, Settings
from recollect.mcp_server.feed import MOST_STREAMS
from recollect.mcp_server.listening import MOST_RESOURCES
from tests.identity.provider import Provider
from tests.mcp_server.http_process import HttpProcess, bearer, call, request
from tests.mcp_server.protected.conftest import Start, settings_for
from tests.mcp_server.protected.streams import ListenStream

TALK = "recollect://conversations/talk"
OTHER = "recollect://conversations/other"
ALL = "recollect://conversations"


@pytest.fixture
async def store(shared_url: str) -> AsyncGenerator[Recollect]:
    """Another process's store: it tells nobody of what it writes."""
    async with Recollect.open(Settings.model_validate({"database_url": shared_url})) as store:
        yield store


def create(server: HttpProcess, token: str, *ids: str) -> None:
    for id in ids:
        assert call(server, token, "create_conversation", conversation_id=id).status == 200


def append(server: HttpProcess, token: str, id: str) -> None:
    done = call(server, token, "append_message", conversation_id=id, role="user", content="x")
    assert done.json["result"].get("isError") is not True


def test_whoever_listens_hears_of_changes_they_asked_for(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    token = provider.token(sub=user)
    create(server, token, "talk", "other")
    with ListenStream(server, token, [TALK]) as stream:
        append(server, token, "other")
        append(server, token, "talk")
        assert stream.updated() == TALK
        append(server, token, "talk")
        assert stream.updated() == TALK
        call(server, token, "update_conversation", conversation_id="talk", title="x")
        assert stream.updated() == TALK


def test_the_list_of_conversations_changes_too(user: str, server: HttpProcess, provider: Provider) -> None:
    token = provider.token(sub=user)
    with ListenStream(server, token, [ALL], resourcesListChanged=True) as stream:
        create(server, token, "talk")
        append(server, token, "talk")
        assert stream.updated() == ALL
        assert stream.receive()["method"] == "notifications/resources/list_changed"


def test_a_stream_names_no_more_than_it_may(user: str, server: HttpProcess, provider: Provider) -> None:
    token = provider.token(sub=user)
    create(server, token, "talk")
    many = [f"recollect://conversations/{number}" for number in range(MOST_RESOURCES)]
    with closing(ListenStream(server, token, [*many, TALK])) as refused:
        assert "may name 1000 resources" in json.loads(refused.answer.read())["error"]["message"]
    with ListenStream(server, token, [*many[1:], TALK]) as stream:
        append(server, token, "talk")
        assert stream.updated() == TALK


def test_listening_on_another_user_s_conversation_yields_nothing(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    alice, bob = provider.token(sub=user), provider.token(sub=f"{user}-bob")
    create(server, alice, "talk", "other")
    create(server, bob, "talk")
    with (
        ListenStream(server, bob, [TALK, OTHER, ALL], resourcesListChanged=True) as his,
        ListenStream(server, alice, [OTHER]) as hers,
    ):
        append(server, alice, "talk")
        append(server, alice, "other")
        create(server, alice, "new")
        assert hers.updated() == OTHER  # so it was told to whom it belongs
        append(server, bob, "talk")
        # What he hears first is of his own, and nothing came before it.
        assert his.updated() == TALK
        assert his.updated() == ALL
        assert his.receive()["method"] == "notifications/resources/list_changed"
        append(server, bob, "talk")
        assert his.updated() == TALK


async def test_what_a_process_wrote_that_tells_nobody_is_found(
    user: str, server: HttpProcess, provider: Provider, store: Recollect
) -> None:
    history = store.for_user(user)
    await history.create(id="talk")
    with ListenStream(server, provider.token(sub=user), [TALK]) as stream:
        await history.append("talk", NewMessage("user", "x"))
        assert stream.updated() == TALK


def test_other_servers_are_told_at_once(user: str, start: Start, provider: Provider) -> None:
    """Looking around alone would take two seconds each time."""
    servers = [start(settings_for(provider)) for _ in range(2)]
    token = provider.token(sub=user)
    create(servers[0], token, "talk")
    with ListenStream(servers[0], token, [TALK]) as stream:
        append(servers[1], token, "talk")
        stream.updated()
        began = time.monotonic()
        for _ in range(5):
            append(servers[1], token, "talk")
            assert stream.updated() == TALK
        assert time.monotonic() - began < 5


def test_one_user_cannot_take_all_streams(user: str, server: HttpProcess, provider: Provider) -> None:
    token = provider.token(sub=user)
    streams = [ListenStream(server, token, [TALK]) for _ in range(MOST_STREAMS)]
    assert all(stream.receive()["method"].endswith("acknowledged") for stream in streams)
    refused = ListenStream(server, token, [TALK])
    assert "too many streams" in json.loads(refused.answer.read())["error"]["message"]
    refused.close()
    with ListenStream(server, provider.token(sub=f"{user}-bob"), [TALK]):
        pass
    streams.pop().close()
    deadline = time.monotonic() + 20
    while (again := ListenStream(server, token, [TALK])).answer.getheader(
        "content-type"
    ) != "text/event-stream":
        again.close()
        assert time.monotonic() < deadline
    for stream in (*streams, again):
        stream.close()


def test_a_stream_ends_with_its_token(user: str, start: Start, provider: Provider) -> None:
    settings = settings_for(provider)
    issuers = json.loads(settings["RECOLLECT_ISSUERS"])
    issuers[0]["leeway"] = 0
    server = start(settings | {"RECOLLECT_ISSUERS": json.dumps(issuers)})
    token = provider.token(sub=user, exp=time.time() + 3)
    with ListenStream(server, token, [TALK]) as stream:
        last = stream.receive()
        assert last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == 1
        assert stream.answer.read().strip() == b""
    assert server.send(request("ping"), **bearer(token)).status == 401


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_ends_says_so_to_those_who_listen(
    workers: str, user: str, start: Start, provider: Provider
) -> None:
    server = start(settings_for(provider), "--workers", workers)
    with ListenStream(server, provider.token(sub=user), [TALK]) as stream:
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert "result" in stream.receive()
        assert server.process.wait(20) == 0
        assert time.monotonic() - began < 8
    assert "Traceback" not in server.log()


def test_without_tokens_the_one_user_hears_too(start: Start) -> None:
    server = start({})
    for tool, more in (("create_conversation", {}), ("append_message", {"role": "user", "content": "x"})):
        body = request("tools/call", {"name": tool, "arguments": {"conversation_id": "talk", **more}})
        if tool == "append_message":
            with ListenStream(server, None, [TALK]) as stream:
                server.send(body)
                assert stream.updated() == TALK
        else:
            server.send(body)
