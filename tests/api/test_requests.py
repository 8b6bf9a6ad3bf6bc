"""What is no good request: refused by name, whatever it holds, and nothing of it comes back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

import httpx2
import pytest

from recollect.models.json_values import MAX_VALUES
from tests.api.conftest import Server, problem, user_says

JSON = {"Content-Type": "application/json"}
SECRET = "s3cret-value"
ONE = '{"role": "user", "content": "x"}'


async def post(api: httpx2.AsyncClient, address: str, body: bytes) -> httpx2.Response:
    return await api.post(address, content=body, headers=JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"title": "\xff"}',
        b'{"title": "\xed\xa0\x80"}',
        b'{"metadata": {"n": NaN}}',
        b'{"metadata": {"n": -Infinity}}',
        b'{"metadata": {"n": ' + b"9" * 5_000 + b"}}",
        b'{"metadata": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b"[" * 20_000,
    ],
)
async def test_what_is_no_json_is_malformed(api: httpx2.AsyncClient, body: bytes) -> None:
    assert problem(await post(api, "/api/me/conversations", body), 400, "malformed")["argument"] == "body"


@pytest.mark.parametrize(
    ("body", "argument"),
    [
        ("null", "body"),
        ("[]", "body"),
        ('"text"', "body"),
        ('{"titel": "x"}', "titel"),
        ('{"\\ud800": "x"}', None),
        ('{"title": 1}', "title"),
        ('{"title": ""}', "title"),
        ('{"title": "a\\u0000b"}', "title"),
        ('{"title": "a\\ud800b"}', "title"),
        ('{"title": ["' + SECRET + '"]}', "title"),
        ('{"title": "' + SECRET * 100 + '"}', "title"),
        ('{"id": ""}', "id"),
        ('{"id": "' + "a" * 201 + '"}', "id"),
        ('{"instructions": "' + "a" * 200_001 + '"}', "instructions"),
        ('{"metadata": "{}"}', "metadata"),
        ('{"metadata": [1]}', "metadata"),
        ('{"metadata": {"a": "\\u0000"}}', "metadata"),
        ('{"metadata": {"\\ud800": 1}}', "metadata"),
        ('{"metadata": {"a": 1e999}}', "metadata"),
        ('{"metadata": ' + '{"a":' * 101 + "1" + "}" * 101 + "}", "metadata"),
        ('{"metadata": {"a": "' + "x" * 70_000 + '"}}', "metadata"),
        ('{"title": "a", "title": "b"}', "body"),
        ('{"metadata": {"x": 1, "x": 1}}', "body"),
    ],
)
async def test_a_conversation_that_cannot_be_kept_is_refused_by_name(
    api: httpx2.AsyncClient, body: str, argument: str | None
) -> None:
    refused = problem(await post(api, "/api/me/conversations", body.encode()), 422, "invalid-argument")
    assert argument in (refused["argument"], None)
    assert SECRET not in json.dumps(refused)
    assert len(json.dumps(refused)) < 600
    assert (await api.get("/api/me/conversations")).json()["conversations"] == []


@pytest.mark.parametrize(
    ("body", "argument"),
    [
        ("{}", "messages"),
        ('{"messages": []}', "messages"),
        ('{"messages": "[]"}', "messages"),
        ('{"messages": null}', "messages"),
        ('{"messages": {"role": "user", "content": "x"}}', "messages"),
        ('{"messages": ["x"]}', "messages[0]"),
        ('{"messages": [{"role": "user"}]}', "messages[0].content"),
        ('{"messages": [{"content": "x"}]}', "messages[0].role"),
        ('{"messages": [{"role": "god", "content": "x"}]}', "messages[0].role"),
        (
            '{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": 1}]}',
            "messages[1].content",
        ),
        ('{"messages": [{"role": "user", "content": []}]}', "messages[0].content"),
        ('{"messages": [{"role": "user", "content": [{"type": "video"}]}]}', "messages[0].content[0].type"),
        ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "messages[0].content[0].text"),
        ('{"messages": [{"role": "user", "content": "x", "extra": "s3cret-value"}]}', "messages[0]"),
        ('{"messages": [{"role": "user", "content": "x", "token_count": -1}]}', "messages[0].token_count"),
        ('{"messages": [{"role": "user", "content": "x", "token_count": 1e3}]}', "messages[0].token_count"),
        (
            '{"messages": [{"role": "user", "content": "x", "occurred_at": "s3cret-value"}]}',
            "messages[0].occurred_at",
        ),
        ('{"messages": [{"role": "user", "content": "x", "occurred_at": 0}]}', "messages[0].occurred_at"),
        ('{"messages": [{"role": "user", "content": "x", "author": "\\ud800"}]}', "messages[0].author"),
        ('{"messages": [{"role": "user", "content": "x"}], "on_conflict": "s3cret-value"}', "on_conflict"),
        ('{"messages": [{"role": "user", "content": "x"}], "key": "k"}', "key"),
        ('{"messages": [{"role": "user", "content": "x"}], "expected_head": 0}', "expected_head"),
        (
            '{"messages": [{"role": "user", "content": [%s]}]}' % ("[" * 120 + "]" * 120),
            "messages[0].content",
        ),
        (f'{{"messages": [{",".join([ONE] * 501)}]}}', "messages"),
    ],
)
async def test_an_append_that_cannot_be_kept_is_refused_by_name(
    api: httpx2.AsyncClient, talk: str, body: str, argument: str
) -> None:
    refused = problem(await post(api, f"{talk}/messages", body.encode()), 422, "invalid-argument")
    assert refused["argument"] == argument
    assert SECRET not in json.dumps(refused)
    assert (await api.get(talk)).json()["message_count"] == 0


@pytest.mark.parametrize(
    ("address", "argument"),
    [
        ("/conversations?limit=0", "limit"),
        ("/conversations?limit=-1", "limit"),
        ("/conversations?limit=101", "limit"),
        ("/conversations?limit=99999999999999999999999", "limit"),
        ("/conversations?limit=1.5", "limit"),
        ("/conversations?limit=", "limit"),
        ("/conversations?limit=1&limit=2", "limit"),
        ("/conversations?sort=updated_at;DROP", "sort"),
        ("/conversations?access_token=x", "access_token"),
        ("/conversations?pinned=perhaps", "pinned"),
        ("/conversations?archived=yes", "archived"),
        ("/conversations?metadata=", "metadata"),
        ("/conversations?metadata=[]", "metadata"),
        ('/conversations?metadata={"a":NaN}', "metadata"),
        ("/conversations?metadata={", "metadata"),
        ("/conversations?title=%00", "title"),
        ("/conversations?title=%ff", None),
        ("/conversations?cursor=%00", "cursor"),
        ("/conversations?cursor=eyJhIjoxfQ", "cursor"),
        ("/conversations/talk?full=true", "full"),
        ("/conversations/talk/messages?before=0", "before"),
        ("/conversations/talk/messages?after=-1", "after"),
        ("/conversations/talk/messages?around=2&after=1", "around"),
        ("/conversations/talk/messages?order=up", "order"),
        ("/conversations/talk/messages?max_chars=0", "max_chars"),
        ("/conversations/talk/context?max_tokens=0", "max_tokens"),
        ("/conversations/talk/context?max_tokens=2000001", "max_tokens"),
        ("/conversations/talk/context?format=xml", "format"),
        ("/conversations/talk/messages/1?limit=0", "limit"),
        ("/conversations/talk/messages/1?offset=-1", "offset"),
        ("/conversations/a%00b", "conversation_id"),
        ("/conversations/%ff", "conversation_id"),
        ("/conversations/" + "a" * 201, "conversation_id"),
    ],
)
async def test_a_parameter_that_is_not_acceptable_is_refused_by_name(
    api: httpx2.AsyncClient, talk: str, address: str, argument: str | None
) -> None:
    answer = await api.get(f"/api/me{address}")
    if argument is None:  # U+FFFD stands for what is no UTF-8: a title that nobody has
        assert answer.json()["conversations"] == []
        return
    assert answer.status_code in (400, 422)
    assert answer.json()["argument"] == argument


async def test_a_body_has_to_be_called_json(api: httpx2.AsyncClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""):
        answer = await api.post("/api/me/conversations", content=b"{}", headers={"Content-Type": kind})
        problem(answer, 415, "unsupported-media-type")
    answer = await api.post(
        "/api/me/conversations", content=b"{}", headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert answer.status_code == 201


async def test_a_body_that_nobody_reads_is_refused(api: httpx2.AsyncClient, talk: str) -> None:
    for method, address in (("DELETE", talk), ("POST", f"{talk}/restore"), ("GET", talk)):
        refused = await api.request(method, address, json={"permanent": True})
        assert problem(refused, 422, "invalid-argument")["argument"] == "body"
    assert (await api.get(talk)).json()["deleted_at"] is None
    for blanks in (b" " * 2_000, b"{}" + b"\n" * 2_000):
        refused = await api.request("DELETE", talk, content=blanks)
        assert problem(refused, 422, "invalid-argument")["argument"] == "body"
    assert (await api.request("POST", f"{talk}/restore", json={})).status_code == 200


async def test_a_body_of_more_than_64_mb_is_refused_declared_or_not(
    api: httpx2.AsyncClient, talk: str
) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(65):
            yield b" " * (1 << 20)

    problem(await api.post(f"{talk}/messages", content=chunks(), headers=JSON), 413, "too-large")
    problem(await post(api, f"{talk}/messages", b" " * (65 << 20)), 413, "too-large")


async def test_a_body_of_more_values_than_memory_should_hold_is_refused(
    api: httpx2.AsyncClient, talk: str
) -> None:
    values = b"{}," * MAX_VALUES
    refused = await post(api, f"{talk}/messages", b'{"role":"user","content":[' + values + b"{}]}")
    assert "JSON values" in problem(refused, 413, "too-large")["detail"]


async def test_a_message_of_almost_10_mb_with_escapes_is_taken(api: httpx2.AsyncClient, talk: str) -> None:
    content = "é" * 4_900_000  # 9.8 MB as UTF-8, 29.4 MB as JSON in ASCII
    answer = await post(api, f"{talk}/messages", json.dumps(user_says(content)).encode())
    assert answer.status_code == 201
    assert (await api.get(f"{talk}/messages/1")).json()["content"] == content
    larger = await post(api, f"{talk}/messages", json.dumps(user_says("e" * 10_000_001)).encode())
    assert problem(larger, 422, "invalid-argument")["argument"] == "messages[0].content"


@pytest.mark.parametrize(
    "content",
    [
        r'"a\u0000b"',
        r'"cut \ud83d"',
        r'"\ude00\ud83d"',
        r'[{"type": "text", "text": "\ud83d", "\ud83d": "\u0000"}]',
        r'[{"type": "image", "n": [9007199254740993, 1e22, 1.0, -0.0, 9223372036854775808]}]',
        r'"<script>alert(1)</script> ![](http://beacon/x.png) \u202e \u200b e\u0301 \u00e9"',
        r'"[{\"type\": \"text\", \"text\": \"a string is text\"}]"',
    ],
)
async def test_content_comes_back_exactly(api: httpx2.AsyncClient, talk: str, content: str) -> None:
    body = f'{{"messages": [{{"role": "user", "content": {content}, "metadata": {{"it": {content}}}}}]}}'
    assert (await post(api, f"{talk}/messages", body.encode())).status_code == 201
    for address in ("messages", "messages/1"):
        answer = await api.get(f"{talk}/{address}")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/json"
        found = json.loads(answer.content)
        message = found["messages"][0] if address == "messages" else found
        given = json.loads(content)
        parts = message["content"]
        if isinstance(given, str) and isinstance(parts, list):
            given = [{"type": "text", "text": given}]
        assert json.dumps(parts) == json.dumps(given)
        assert json.dumps(message["metadata"]["it"]) == json.dumps(json.loads(content))


async def test_words_in_their_hundred_thousands_are_kept_and_loaded(
    api: httpx2.AsyncClient, talk: str
) -> None:
    words = " ".join(f"w{number:x}" for number in range(700_000))
    assert (await api.post(f"{talk}/messages", json=user_says(words))).status_code == 201
    assert (await api.get(f"{talk}/messages/1")).json()["content"] == words
    assert (await api.get(f"{talk}/context")).status_code == 200


async def test_what_no_route_takes_is_a_problem_too(server: Server, api: httpx2.AsyncClient) -> None:
    problem(await api.get("/api/me"), 405, "method-not-allowed")
    problem(await api.get("/api/me/conversation"), 404, "no-such-route")
    problem(await api.get("/api//conversations"), 404, "no-such-route")
    problem(await api.get("/api/me/conversations/"), 404, "no-such-route")
    refused = await api.put("/api/me/conversations")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET, HEAD, POST"
