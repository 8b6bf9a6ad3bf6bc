"""A user who asks for too much is told when to come again; nobody else notices."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import ExitStack, closing

import pytest

from recollect.models.json_values import MAX_VALUES
from tests.identity.provider import Provider
from tests.mcp_server.http_process import HEADERS, Answer, HttpProcess, bearer, call, request, text, tool_call
from tests.mcp_server.protected.conftest import Start, settings_for


def ask(server: HttpProcess, token: str):
    return server.send(request("tools/list"), **bearer(token))


def test_requests_are_limited_by_user_whatever_the_token(user: str, start: Start, provider: Provider) -> None:
    server = start(settings_for(provider, RECOLLECT_REQUESTS_PER_MINUTE="30"))
    began = time.monotonic()
    answers = [ask(server, provider.token(sub=user, jti=str(number))) for number in range(40)]
    served = sum(answer.status == 200 for answer in answers)
    assert 30 <= served <= 30 + (time.monotonic() - began) / 2 + 1
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} == {429}
    last = refused[-1]
    assert last.json["error"] == "too_many_requests"
    assert 1 <= int(last.headers["retry-after"]) <= 2
    assert ask(server, provider.token(sub=f"{user}-bob")).status == 200


def test_writing_is_limited_by_tokens_and_reading_is_not(user: str, start: Start, provider: Provider) -> None:
    server = start(settings_for(provider, RECOLLECT_TOKENS_PER_MINUTE="1000"))
    token = provider.token(sub=user)

    def append(words: str, key: str):
        arguments = {"conversation_id": "talk", "role": "user", "content": words, "key": key}
        return call(server, token, "append_message", **arguments)

    call(server, token, "create_conversation", conversation_id="talk")
    assert append("hello", "1").status == 200
    assert append("some words " * 2_000, "2").status == 200
    for refused in (append("hello", "3"), call(server, token, "open_turn", content="hello", key="x")):
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) >= 60
    assert "hello" in text(call(server, token, "load_context", conversation_id="talk", max_tokens=10_000))
    assert "2 messages" in text(call(server, token, "list_conversations"))
    assert call(server, provider.token(sub=f"{user}-bob"), "create_conversation").status == 200


@pytest.mark.parametrize(
    "lie",
    [{"Mcp-Method": "tools/list"}, {"Mcp-Method": "tools/call", "Mcp-Name": "list_conversations"}],
    ids=["another method", "another tool"],
)
def test_no_header_of_an_older_client_lets_more_be_written(
    lie: dict[str, str], user: str, start: Start, provider: Provider
) -> None:
    """Only newer clients are bound to what they say in headers."""
    server = start(settings_for(provider, RECOLLECT_TOKENS_PER_MINUTE="1000"))
    token = provider.token(sub=user)
    call(server, token, "create_conversation", conversation_id="talk")
    message = {"conversation_id": "talk", "role": "user", "content": "some words " * 2_000}
    assert "head" in text(call(server, token, "append_message", **message))
    lying = server.send(tool_call("append_message", **message), **lie, **bearer(token))
    assert "too much was written" in lying.json["error"]["message"]
    assert "1 message," in text(call(server, token, "list_conversations"))


def test_a_request_of_more_values_than_memory_should_hold_is_refused(
    user: str, start: Start, provider: Provider
) -> None:
    server = start(settings_for(provider))
    token = provider.token(sub=user)
    refused = server.send(b"[" + b"{}," * MAX_VALUES + b"{}]", **bearer(token))
    assert (refused.status, refused.body.decode()) == (
        413,
        f"The request has more than {MAX_VALUES} JSON values; send less at once.\n",
    )
    assert ask(server, token).status == 200


def test_summaries_and_copies_are_written_too(user: str, start: Start, provider: Provider) -> None:
    server = start(settings_for(provider, RECOLLECT_TOKENS_PER_MINUTE="1000"))

    def done(answer: Answer) -> None:
        assert answer.status == 200
        assert answer.json["result"].get("isError") is not True, answer

    def begun(name: str, words: str) -> str:
        """The token of a new user who said that."""
        token = provider.token(sub=f"{user}-{name}")
        done(call(server, token, "create_conversation", conversation_id="talk"))
        done(call(server, token, "open_turn", conversation_id="talk", content=words, key="1"))
        return token

    summing, copying = begun("summing", "hello"), begun("copying", "some words " * 400)
    more = {"conversation_id": "talk", "role": "user", "content": "more"}
    summary = {"conversation_id": "talk", "upto_seq": 1, "content": "words " * 2_000}
    done(call(server, summing, "save_summary", **summary))
    assert int(call(server, summing, "append_message", **more).headers["retry-after"]) >= 30
    done(call(server, copying, "append_message", **more))
    done(call(server, copying, "fork_conversation", conversation_id="talk"))
    assert int(call(server, copying, "append_message", **more).headers["retry-after"]) >= 20


SMALL = """
from recollect.cli.main import main
from recollect.identity import limits
limits.MOST_HELD = 1_000_000
main()
"""


def test_what_one_user_sends_is_in_memory_within_bounds(user: str, start: Start, provider: Provider) -> None:
    """The first half of many requests, of which each is of a size that may come."""
    server = start(settings_for(provider), program=("-c", SMALL))
    token = provider.token(sub=user)
    message = tool_call("append_message", conversation_id="talk", role="user", content="x" * 600_000)
    doors = {"/mcp": message, "/api/me/conversations/talk/messages": json.dumps({"messages": []}).encode()}
    call(server, token, "create_conversation", conversation_id="talk")

    def sent(path: str, who: str, padding: int = 600_000) -> int:
        """The status of a request of that many bytes."""
        headers = HEADERS | bearer(who)
        return server.ask("POST", path, doors[path].ljust(padding), **headers).status

    for path in doors:
        assert sent(path, token) in (200, 422)
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as half:
            half.putrequest("POST", path)
            for name, value in (HEADERS | bearer(token) | {"Content-Length": "900000"}).items():
                half.putheader(name, value)
            half.endheaders(b" " * 600_000)
            limit = time.monotonic() + 20
            while sent(path, token) != 429:  # until the half is there
                assert time.monotonic() < limit
            assert {sent(other, token) for other in doors} == {429}
            assert sent(path, provider.token(sub=f"{user}-bob")) in (200, 404, 422)
            assert ask(server, token).status == 200
        while sent(path, token) == 429:
            assert time.monotonic() < limit


TEN_MB = SMALL.replace("1_000_000", "10_000_000")


@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_answers_that_nobody_takes_are_in_memory_within_bounds(
    loop: str, user: str, start: Start, provider: Provider
) -> None:
    server = start(settings_for(provider, RECOLLECT_LOOP=loop), program=("-c", TEN_MB))
    token, bob = provider.token(sub=user), provider.token(sub=f"{user}-bob")
    message = "/api/me/conversations/talk/messages/1"
    call(server, token, "create_conversation", conversation_id="talk")
    said = {"conversation_id": "talk", "role": "user", "content": "x" * 9_500_000}
    assert call(server, token, "append_message", **said).status == 200
    with ExitStack() as opened:
        untaken: list[socket.socket] = []
        for _ in range(2):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            head = f"GET {message} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
            client.sendall(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
            assert client.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
            untaken.append(client)
        limit = time.monotonic() + 20
        while (refused := ask(server, token)).status != 429:  # until the second answer is there
            assert time.monotonic() < limit
        assert refused.headers["retry-after"] == "5"
        assert ask(server, bob).status == 200
        taken = 0
        while piece := untaken[0].recv(1 << 20):
            taken += len(piece)
        assert taken > 9_500_000
        while ask(server, token).status == 429:
            assert time.monotonic() < limit
    assert len(server.ask("GET", message, **bearer(token)).json["content"]) == 9_500_000
