"""A stateless turn over REST: open it, think, append the answer."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.api.conftest import problem, user_says

ANSWER: dict[str, Any] = {"messages": [{"role": "assistant", "content": "No, sunny."}]}


async def test_a_conversation_goes_on_without_anything_kept_but_its_id(api: httpx2.AsyncClient) -> None:
    first = await api.post(
        "/api/me/turns",
        json=user_says("Is it raining?") | {"title": "Weather", "instructions": "Be brief."},
        headers={"Idempotency-Key": "turn-1"},
    )
    assert (first.status_code, first.json()["created"]) == (201, True)
    id: str = first.json()["conversation_id"]
    talk = f"/api/me/conversations/{id}"
    assert first.headers["location"] == talk
    assert "Be brief." in first.json()["context"]["text"]
    answered = await api.post(
        f"{talk}/messages",
        json=ANSWER,
        headers={"If-Match": first.headers["etag"], "Idempotency-Key": "answer-1"},
    )
    assert answered.status_code == 201
    body = user_says("And tomorrow?") | {"known_head": 2, "format": "openai", "max_tokens": 500}
    second = await api.post(f"{talk}/turns", json=body, headers={"Idempotency-Key": "turn-2"})
    assert (second.status_code, "created" in second.json(), "added" in second.json()) == (201, False, False)
    assert [message["content"] for message in second.json()["context"]["messages"]] == [
        "Be brief.",
        "Is it raining?",
        "No, sunny.",
        "And tomorrow?",
    ]
    again = await api.post(f"{talk}/turns", json=body, headers={"Idempotency-Key": "turn-2"})
    assert (again.status_code, again.json()["appended"].pop("replayed")) == (200, True)
    assert again.json()["context"] == second.json()["context"]
    retried = await api.post(
        "/api/me/turns",
        json=user_says("Is it raining?") | {"title": "Weather", "instructions": "Be brief."},
        headers={"Idempotency-Key": "turn-1"},
    )
    assert (retried.status_code, retried.json()["conversation_id"]) == (200, id)
    assert len((await api.get("/api/me/conversations")).json()["conversations"]) == 1


async def test_a_turn_says_what_others_added(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b", "c"))
    body = user_says("d") | {"known_head": 1}
    turn = await api.post(f"{talk}/turns", json=body, headers={"Idempotency-Key": "k"})
    assert turn.json()["added"] == {"first_seq": 2, "last_seq": 3}
    assert "diverged" not in turn.json()
    turn = await api.post(f"{talk}/turns", json=body | {"known_head": 5}, headers={"Idempotency-Key": "l"})
    assert (turn.json()["diverged"], "added" in turn.json()) == (True, False)


async def test_a_turn_needs_a_key(api: httpx2.AsyncClient, talk: str) -> None:
    for address in (f"{talk}/turns", "/api/me/turns"):
        refused = problem(await api.post(address, json=user_says("x")), 422, "invalid-argument")
        assert refused["argument"] == "Idempotency-Key"
        problem(
            await api.post(address, json=user_says("x"), headers={"Idempotency-Key": "k", "If-Match": '"0"'}),
            422,
            "invalid-argument",
        )


async def test_a_context_is_made_again_from_its_receipt(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b"))
    then = await api.get(f"{talk}/context", params={"format": "openai"})
    await api.post(f"{talk}/messages", json=user_says("c"))
    again = await api.get(f"{talk}/context", params={"receipt": then.json()["receipt"]})
    assert again.json() == then.json() | {"current_head": 3}
    assert again.headers["etag"] == '"3"'
    earlier = (await api.get(f"{talk}/context", params={"upto_seq": "1", "format": "openai"})).json()
    assert (earlier["head"], earlier["last_seq"]) == (1, 1)
    await api.patch(talk, json={"instructions": "Something else."})
    changed = await api.get(f"{talk}/context", params={"receipt": then.json()["receipt"]})
    assert problem(changed, 409, "not-reproducible")["argument"] == "receipt"


async def test_an_edit_makes_a_branch_that_can_be_found_and_left(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b"))
    edited = await api.post(f"{talk}/messages", json=user_says("b, edited") | {"after_seq": 1})
    assert edited.json() == {"conversation_id": "talk", "first_seq": 3, "last_seq": 3, "head": 3}
    branches = (await api.get(f"{talk}/branches")).json()["branches"]
    shown = [(one["seq"], one["parent_seq"], one["head"], one["current"], one["text"]) for one in branches]
    assert shown == [(2, 1, 2, False, "b"), (3, 1, 3, True, "b, edited")]
    (last,) = (await api.get(f"{talk}/branches", params={"limit": "1"})).json()["branches"]
    assert last == branches[-1]
    before = {"before": str(last["seq"])}
    assert (await api.get(f"{talk}/branches", params=before)).json() == {
        "branches": branches[:-1],
        "more_before": False,
    }
    assert (await api.get(f"{talk}/branches", params={"at_seq": "2"})).json()["branches"] == []
    back = await api.put(f"{talk}/head", json={"seq": 2.0})
    assert (back.json()["head"], back.headers["etag"]) == (2, '"2"')
    assert "edited" not in (await api.get(f"{talk}/context")).json()["text"]
    problem(await api.put(f"{talk}/head", json={"seq": 9}), 404, "not-found")


async def test_a_fork_stands_for_itself(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b", "c"))
    made = await api.post(f"{talk}/fork", json={"at_seq": 2, "new_id": "a copy", "title": "What if?"})
    assert (made.status_code, made.headers["location"]) == (201, "/api/me/conversations/a%20copy")
    copy = made.json()
    assert (copy["forked_from"], copy["forked_seq"], copy["head"], copy["title"]) == (
        "talk",
        2,
        2,
        "What if?",
    )
    await api.delete(talk, params={"permanent": "true"})
    messages = (await api.get(f"{made.headers['location']}/messages")).json()["messages"]
    assert [message["content"] for message in messages] == ["a", "b"]


async def test_a_summary_stands_in_front_of_what_fits(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says(*("word " * 100 for _ in range(30))))
    saved = await api.post(f"{talk}/summaries", json={"upto_seq": 20, "content": "They counted words."})
    assert saved.status_code == 201
    assert (await api.get(f"{talk}/summaries")).json() == {"summaries": [saved.json()], "more_before": False}
    window = (await api.get(f"{talk}/context", params={"max_tokens": "1500"})).json()
    assert window["summary_upto"] == 20
    assert "They counted words." in window["text"]


async def test_a_provider_s_messages_are_taken_in_its_own_format(api: httpx2.AsyncClient, talk: str) -> None:
    payload: dict[str, Any] = {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "found"}]},
        ],
    }
    for format in ("anthropic", "auto"):
        done = await api.post(f"{talk}/messages", json={"messages": payload, "format": format})
        assert done.status_code == 201
    refused = await api.post(f"{talk}/messages", json={"messages": payload})
    assert problem(refused, 422, "invalid-argument")["argument"] == "messages"
