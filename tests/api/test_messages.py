"""Messages over REST: append once, in order, and read what was said."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.api.conftest import problem, user_says

CALL = {"type": "tool_call", "id": "1", "name": "look", "arguments": {"n": 2**63, "x": 1.5, "none": None}}
RESULT = {"type": "tool_result", "call_id": "1", "content": "found"}


async def test_what_is_appended_is_read_again(api: httpx2.AsyncClient, talk: str) -> None:
    said: list[dict[str, Any]] = [
        {"role": "user", "content": "look", "author": "Ada", "metadata": {"a": [1, {"b": None}]}},
        {"role": "assistant", "content": [CALL], "token_count": 7},
        {"role": "tool", "content": [RESULT], "occurred_at": "2025-01-02T03:04:05+01:00"},
    ]
    appended = await api.post(f"{talk}/messages", json={"messages": said})
    assert appended.status_code == 201
    assert appended.json() == {"conversation_id": "talk", "first_seq": 1, "last_seq": 3, "head": 3}
    assert appended.headers["location"] == f"{talk}/messages/1"
    assert appended.headers["etag"] == '"3"'
    page = (await api.get(f"{talk}/messages")).json()
    assert (page["head"], page["last_seq"], page["more_before"], page["more_after"]) == (3, 3, False, False)
    for number, (stored, message) in enumerate(zip(page["messages"], said, strict=True), 1):
        assert stored["seq"] == number
        expected = message | {"occurred_at": "2025-01-02T02:04:05+00:00"} if number == 3 else message
        assert {name: stored[name] for name in expected} == expected
        assert (await api.get(f"{talk}/messages/{number}")).json() == stored


async def test_a_key_stores_once_and_says_so(api: httpx2.AsyncClient, talk: str) -> None:
    headers = {"Idempotency-Key": "turn-1"}
    first = await api.post(f"{talk}/messages", json=user_says("a"), headers=headers)
    again = await api.post(f"{talk}/messages", json=user_says("a"), headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"replayed": True}
    assert again.headers["location"] == first.headers["location"]
    other = await api.post(f"{talk}/messages", json=user_says("b"), headers=headers)
    assert problem(other, 422, "key-reused")["argument"] == "Idempotency-Key"
    quoted = await api.post(f"{talk}/messages", json=user_says("a"), headers={"Idempotency-Key": '"turn-1"'})
    assert quoted.status_code == 200
    assert (await api.get(talk)).json()["message_count"] == 1
    assert (await api.get(f"{talk}/messages/1")).json()["key"] == "turn-1"


@pytest.mark.parametrize("key", ["", '""', "a b", "k" * 201, "schlüssel", "a\tb\u00a0"])
async def test_a_key_that_cannot_be_kept_is_refused(api: httpx2.AsyncClient, talk: str, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    refused = await api.post(f"{talk}/messages", json=user_says("a"), headers=headers)
    assert problem(refused, 422, "invalid-argument")["argument"] == "Idempotency-Key"


async def test_a_moved_head_is_told_with_what_was_added(api: httpx2.AsyncClient, talk: str) -> None:
    etag = (await api.get(talk)).headers["etag"]
    mine = await api.post(f"{talk}/messages", json=user_says("first"), headers={"If-Match": etag})
    assert mine.headers["etag"] == '"1"'
    late = await api.post(f"{talk}/messages", json=user_says("late"), headers={"If-Match": etag})
    moved = problem(late, 412, "head-moved")
    assert (moved["argument"], moved["head"]) == ("If-Match", 1)
    assert [message["content"] for message in moved["added"]] == ["first"]
    assert 'If-Match: "1"' in moved["detail"]
    assert late.headers["etag"] == '"1"'
    assert (await api.get(talk)).json()["message_count"] == 1
    for again in (late.headers["etag"], 'W/"2"', "*"):
        done = await api.post(f"{talk}/messages", json=user_says("late"), headers={"If-Match": again})
        assert done.status_code == 201, again


async def test_what_was_added_is_shown_cut_where_it_is_long(api: httpx2.AsyncClient, talk: str) -> None:
    image = {"type": "image", "data": "A" * 9_000}
    await api.post(f"{talk}/messages", json={"messages": [{"role": "user", "content": [image]}]})
    late = await api.post(f"{talk}/messages", json=user_says("late"), headers={"If-Match": '"0"'})
    (added,) = problem(late, 412, "head-moved")["added"]
    assert (added["seq"], added["cut"], "content" in added) == (1, True, False)


async def test_a_branch_hangs_under_the_head_that_was_known(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b"))
    body = user_says("instead of b") | {"on_conflict": "branch"}
    done = await api.post(f"{talk}/messages", json=body, headers={"If-Match": '"1"'})
    assert (done.status_code, done.json()["branched"], done.json()["head"]) == (201, True, 2)
    assert (await api.get(f"{talk}/messages/3")).json()["parent_seq"] == 1
    refused = problem(await api.post(f"{talk}/messages", json=body), 422, "invalid-argument")
    assert refused["argument"] == "If-Match"


@pytest.mark.parametrize("tag", ["7", '"seven"', '"1", "2"', '"99999999999"', '"-1"', "", '"4294967296"'])
async def test_an_etag_that_is_no_head_is_refused(api: httpx2.AsyncClient, talk: str, tag: str) -> None:
    refused = await api.post(f"{talk}/messages", json=user_says("a"), headers={"If-Match": tag})
    assert problem(refused, 422, "invalid-argument")["argument"] == "If-Match"


async def test_a_promise_that_cannot_be_kept_is_refused(api: httpx2.AsyncClient, talk: str) -> None:
    for headers, argument in (
        ({"If-Match": '"0"'}, "If-Match"),
        ({"Idempotency-Key": "a"}, "Idempotency-Key"),
        ({"If-None-Match": "*"}, "If-None-Match"),
        ({"If-Unmodified-Since": "Thu, 26 Nov 2026 19:00:00 GMT"}, "If-Unmodified-Since"),
    ):
        for answer in (
            await api.patch(talk, json={"title": "new"}, headers=headers),
            await api.delete(talk, headers=headers),
            await api.post("/api/me/conversations", json={}, headers=headers),
        ):
            assert problem(answer, 422, "invalid-argument")["argument"] == argument
    twice = [("If-Match", '"0"'), ("If-Match", '"1"')]
    refused = await api.post(f"{talk}/messages", json=user_says("a"), headers=twice)
    assert problem(refused, 422, "invalid-argument")["argument"] == "If-Match"
    read = await api.get(talk, headers={"If-None-Match": '"0"'})  # which would only spare the answer
    assert read.json()["title"] == "A talk"


async def test_a_log_is_paged_in_both_directions(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says(*map(str, range(1, 11))))

    async def seqs(**params: int | str) -> tuple[list[int], bool, bool]:
        page = (await api.get(f"{talk}/messages", params=params)).json()
        return [message["seq"] for message in page["messages"]], page["more_before"], page["more_after"]

    assert await seqs(limit=3) == ([8, 9, 10], True, False)
    assert await seqs(limit=3, before=8) == ([5, 6, 7], True, True)
    assert await seqs(limit=3, after=0) == ([1, 2, 3], False, True)
    assert await seqs(limit=3, around=5, order="desc") == ([6, 5, 4], True, True)


async def test_a_large_message_is_cut_in_a_list_and_read_in_slices(
    api: httpx2.AsyncClient, talk: str
) -> None:
    words = "".join(f"{number} " for number in range(10_000))
    await api.post(f"{talk}/messages", json=user_says(words))
    (shown,) = (await api.get(f"{talk}/messages", params={"max_chars": "100"})).json()["messages"]
    assert (shown["text"], shown["cut"], "content" in shown) == (words[:100], True, False)
    assert (await api.get(f"{talk}/messages")).json()["messages"][0]["content"] == words
    assert (await api.get(f"{talk}/messages/1")).json()["content"] == words
    read, offset = "", 0
    while offset is not None:
        part = (await api.get(f"{talk}/messages/1", params={"offset": str(offset), "limit": "20000"})).json()
        assert part["total_chars"] == len(words)
        read += part["text"]
        offset = part["next_offset"]
    assert read == words


async def test_a_list_is_not_so_large_that_it_takes_the_server(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a"))
    most = {"limit": "200", "max_chars": "50000"}
    assert (await api.get(f"{talk}/messages", params=most)).status_code == 200
    refused = await api.get(f"{talk}/messages", params={**most, "max_chars": "50001"})
    assert problem(refused, 422, "invalid-argument")["argument"] == "max_chars"
    assert "at most 50000" in refused.json()["detail"]
    assert (
        await api.get(f"{talk}/messages", params={"limit": "10", "max_chars": "1000000"})
    ).status_code == 200


async def test_a_message_that_is_not_there_is_not_found(api: httpx2.AsyncClient, talk: str) -> None:
    for seq in ("1", "2147483647"):
        problem(await api.get(f"{talk}/messages/{seq}"), 404, "not-found")
    for seq in ("0", "-1", "x", "2147483648", "9" * 5_000):
        answer = await api.get(f"{talk}/messages/{seq}")
        assert problem(answer, 422, "invalid-argument")["argument"] == "seq"


@pytest.mark.parametrize("format", ["text", "openai", "openai_responses", "anthropic", "gemini", "vercel"])
async def test_a_context_comes_in_every_format(api: httpx2.AsyncClient, talk: str, format: str) -> None:
    await api.patch(talk, json={"instructions": "Be brief."})
    await api.post(f"{talk}/messages", json=user_says("Is it raining?"))
    answer = await api.get(f"{talk}/context", params={"format": format, "max_tokens": "1000"})
    window = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert (window["head"], window["first_seq"], window["last_seq"], window["omitted"]) == (1, 1, 1, 0)
    assert "Is it raining?" in answer.text
    assert "Be brief." in answer.text
    assert ("text" in window) is (format == "text")
    assert (window["messages"] == []) is (format == "text")
    assert (await api.get(f"{talk}/context", params={"format": format, "max_tokens": "1000"})).content == (
        answer.content
    )
