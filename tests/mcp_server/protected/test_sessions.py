"""Sessions belong to whoever opened them; a session id is no proof of anything."""

from __future__ import annotations

import http.client
import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from recollect.mcp_server.sse import MOST_SESSIONS
from tests.identity.provider import Provider
from tests.mcp_server.http_process import HEADERS, HttpProcess, bearer, call, request, text, tool_call
from tests.mcp_server.processes import INITIALIZE
from tests.mcp_server.protected.conftest import Start, settings_for
from tests.mcp_server.protected.streams import SseSession

USERS = 200
ROUNDS = 3


def test_nobody_else_can_speak_in_a_session_of_the_older_transport(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    alice, bob = provider.token(sub=user), provider.token(sub=f"{user}-bob")
    with SseSession(server, alice) as session:
        session.initialize()
        create = tool_call("create_conversation", conversation_id="planted")
        for thief in (bob, provider.token(sub=user, azp="another client")):
            assert session.post(create, thief).status == 404
        for method in ("DELETE", "GET", "PUT"):
            assert server.ask(method, session.path, **bearer(bob)).status in (404, 405)
        assert server.ask("POST", session.path, create, **HEADERS).status == 401
        assert session.post(request("tools/list", id=2), alice).status == 202
        assert session.receive()["id"] == 2
    for token in (alice, bob):
        assert "planted" not in text(call(server, token, "list_conversations"))


def test_within_a_session_each_message_is_its_own_token_s(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    """A token that was good when the stream was opened does not speak for later ones."""
    with SseSession(server, provider.token(sub=user)) as session:
        session.initialize()
        assert session.post(request("tools/list"), provider.token(sub=user, exp=1)).status == 401
        assert session.post(request("tools/list"), provider.token(sub=user, aud="x")).status == 401
        fresh = provider.token(sub=user, jti="another")
        assert session.post(request("tools/list", id=3), fresh).status == 202
        assert session.receive()["id"] == 3


def test_a_session_id_of_the_newer_transport_gives_nothing(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    alice, bob = provider.token(sub=user), provider.token(sub=f"{user}-bob")
    opened = server.send(request("initialize", INITIALIZE), **bearer(alice))
    assert opened.status == 200
    assert "mcp-session-id" not in opened.headers  # there is none to steal
    call(server, alice, "create_conversation", conversation_id="hers")
    for session_id in ("0" * 32, "../x"):
        stolen = {"Mcp-Session-Id": session_id} | bearer(bob)
        answer = server.send(tool_call("list_conversations"), **stolen)
        assert "hers" not in answer.body.decode()
        assert server.ask("DELETE", "/mcp", **HEADERS, **stolen).status in (200, 404, 405)
    assert "hers" in text(call(server, alice, "list_conversations"))


def test_streams_of_the_older_transport_are_counted(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    """They last until their client goes: whoever opens them without end would use up all connections."""
    token = provider.token(sub=user)
    with ExitStack() as opened:
        first = opened.enter_context(SseSession(server, token))
        for _ in range(MOST_SESSIONS - 1):
            opened.enter_context(SseSession(server, provider.token(sub=user, jti=uuid.uuid4().hex)))
        refused = server.ask("GET", "/sse", **bearer(token))
        assert (refused.status, refused.headers["retry-after"]) == (429, "15")
        with SseSession(server, provider.token(sub=f"{user}-bob")) as bob:
            bob.initialize()
        first.initialize()
        first.__exit__(None, None, None)
        limit = time.monotonic() + 20
        while server.ask("GET", "/sse", **bearer(token)).status == 429:
            assert time.monotonic() < limit


def test_nothing_listens_where_nothing_could_be_heard(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    """A HEAD that had a session would hold its connection, and a GET of /mcp would never end."""
    token = bearer(provider.token(sub=user))
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        for method, path, status in (
            ("HEAD", "/sse", 200),
            ("GET", "/mcp", 405),
            ("HEAD", "/mcp", 405),
            ("DELETE", "/mcp", 405),
        ):
            connection.request(method, path, headers=token | {"Accept": "text/event-stream"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status, (method, path)
            assert answer.getheader("Allow") == (None if status == 200 else "POST")


def test_hundreds_of_users_at_once_with_equal_request_ids_get_their_own_answers(
    user: str, start: Start, provider: Provider
) -> None:
    """In one process; `tests/serving/test_many_users.py` has four, and REST beside."""
    server = start(settings_for(provider, RECOLLECT_POOL_SIZE="5"))
    tokens = [provider.token(sub=f"{user}-{number}") for number in range(USERS)]

    def speak(number: int) -> list[str]:
        """One user on one connection: everybody sends the same ids for the same conversation."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        answers: list[str] = []
        try:
            for body in (
                tool_call("create_conversation", conversation_id="talk", title=f"<{number}>"),
                *[
                    tool_call(
                        "append_message",
                        conversation_id="talk",
                        role="user",
                        content=f"<{number}>",
                        key=f"key{turn}",
                    )
                    for turn in range(ROUNDS)
                ],
                tool_call("load_context", conversation_id="talk"),
                tool_call("list_conversations"),
            ):
                connection.request("POST", "/mcp", body, HEADERS | bearer(tokens[number]))
                answer = connection.getresponse()
                assert answer.status == 200
                content = json.loads(answer.read())
                assert content["id"] == 1
                answers.append(content["result"]["content"][0]["text"])
        finally:
            connection.close()
        return answers

    with ThreadPoolExecutor(32) as pool:
        for number, answers in enumerate(pool.map(speak, range(USERS))):
            context, listed = answers[-2:]
            assert re.findall(r"<(\d+)>", context.partition("\n")[2]) == [str(number)] * ROUNDS
            assert re.findall(r"<(\d+)>", listed) == [str(number)]
