"""A provider that refuses, hangs or answers with garbage: words find what they found, and nobody waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from recollect.history.semantic import questions
from recollect.history.store import Recollect
from recollect.models.errors import Unavailable
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.semantic.conftest import embedded, has
from tests.semantic.provider import Answer, Provider, data, embeddings, encoded

SAID = NewMessage("user", "The automobile is broken.")


async def test_a_text_that_the_model_refuses_is_shortened_or_left_out_and_holds_up_no_other(
    configured: Settings, vector_url: str, provider: Provider
) -> None:
    def strict(body: dict[str, Any]) -> Answer:
        bad = any(len(text) > 500 or "forbidden" in text for text in body["input"])
        return (413, b"{}") if bad else embeddings(body)

    provider.answer = strict
    async with Recollect.open(configured) as store:
        history = store.for_user("strict")
        await history.create(id="talk")
        texts = ["automobile", "wagen " * 300, "forbidden words", *(f"number {n}" for n in range(9))]
        await history.append("talk", [NewMessage("user", text) for text in texts])
        await store.embed("strict")
        await has(vector_url, "strict", 12)
        assert await asyncio.to_thread(embedded, vector_url, "strict", "vector = '{}'") == 1
        assert {hit.seq for hit in (await history.search("vehicle")).hits} >= {1, 2}


async def test_a_provider_that_refuses_everything_marks_nothing(
    configured: Settings, vector_url: str, provider: Provider
) -> None:
    provider.answer = lambda body: (400, b"no such model")
    async with Recollect.open(configured) as store:
        history = store.for_user("refused")
        await history.create(id="talk")
        await history.append("talk", SAID)
        with pytest.raises(Unavailable, match="answered 400"):
            await store.embed("refused")
        assert await asyncio.to_thread(embedded, vector_url, "refused") == 0


GARBAGE: dict[str, Callable[[dict[str, Any]], Answer]] = {
    "no JSON": lambda body: (200, b"<html>"),
    "no object": lambda body: (200, b"[1]"),
    "nothing": lambda body: (200, json.dumps({"data": []}).encode()),
    "too many": lambda body: data([encoded([1.0])] * (len(body["input"]) + 1)),
    "words": lambda body: data(["words"] * len(body["input"])),
    "NaN": lambda body: data([encoded([float("nan"), 1.0])] * len(body["input"])),
    "infinite": lambda body: data([[1e400, 1.0]] * len(body["input"])),
    "of length 0": lambda body: data([[0.0, 0.0]] * len(body["input"])),
    "empty": lambda body: data([[]] * len(body["input"])),
    "no numbers": lambda body: data([[None]] * len(body["input"])),
    "elsewhere": lambda body: (302, b""),
    "an error": lambda body: (500, b"automobile"),
    "deep": lambda body: (200, b"[" * 100_000),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_whatever_the_provider_says_words_find_what_they_found(
    configured: Settings, vector_url: str, provider: Provider, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.answer = GARBAGE[name]
    user = f"garbage {name}"
    async with Recollect.open(configured) as store:
        history = store.for_user(user)
        await history.create(id="talk")
        await history.append("talk", SAID)
        assert len((await history.search("automobile")).hits) == 1
        assert (await history.search("vehicle")).hits == []
        assert "by words alone" in caplog.text
        assert "automobile" not in caplog.text
        with pytest.raises(Unavailable):
            await store.embed(user)
        assert await asyncio.to_thread(embedded, vector_url, user) == 0


async def test_a_slow_provider_is_not_waited_for_long_and_then_not_asked_for_a_while(
    configured: Settings, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "SECONDS", 0.05)
    async with Recollect.open(configured) as store:
        history = store.for_user("slow")
        await history.create(id="talk")
        await history.append("talk", SAID)
        await store.embed("slow")
        provider.holds()
        assert len((await history.search("automobile")).hits) == 1
        asked = len(provider.asked)
        assert len((await history.search("broken")).hits) == 1
        assert len(provider.asked) == asked
        provider.gate.set()
