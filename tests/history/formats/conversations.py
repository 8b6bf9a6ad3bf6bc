"""Conversations such as the window hands over: every call is followed by its results."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from recollect.models.message import NewMessage, Part, Role

WORDS = st.sampled_from(["", " ", "hi", "two\nlines", "\x00 and \ud800", "ж", "a" * 50])
IDS = st.sampled_from(["call_1", "toolu_2", "weather~0", "weather~1", "a|b.c", "", "x" * 70, "идентификатор"])
NAMES = st.sampled_from(["weather", "mcp__files__read", "a.b:c", "имя", "", "n" * 130])
ARGUMENTS: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"city": "Paris"}, "", "{}", '{"city": "Rome"}', "not JSON", "[1]", '{"a": NaN}', "null"]
)
TEXT_PART = WORDS.map(lambda words: {"type": "text", "text": words})
MEDIA: st.SearchStrategy[Part] = st.sampled_from(
    [
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"},
        {"type": "image", "data": "PHN2Zz4=", "media_type": "image/svg+xml"},
        {"type": "image", "file_id": "file_1", "provider": "anthropic"},
        {"type": "image"},
        {"type": "audio", "data": "UklGRg==", "media_type": "audio/wav"},
        {"type": "audio", "file_id": "audio_1", "provider": "openai"},
        {"type": "file", "data": "JVBERi0=", "media_type": "application/pdf", "name": "a.pdf"},
        {"type": "file", "data": "YSxi", "media_type": "text/csv"},
        {"type": "file", "text": "words", "media_type": "text/plain"},
        {"type": "file", "url": "gs://bucket/a", "provider": "gemini"},
        {"type": "file", "url": "https://example.com/a.pdf"},
        {"type": "file", "file_id": "file-1", "provider": "openai"},
        {"type": "resource", "uri": "file:///a"},
    ]
)
REASONING: st.SearchStrategy[Part] = st.sampled_from(
    [
        {"type": "reasoning", "text": "Hm."},
        {"type": "reasoning"},
        {"type": "reasoning", "text": "Hm.", "signature": "EqQ=", "provider": "anthropic"},
        {"type": "reasoning", "text": "Hm.", "signature": "", "provider": "anthropic"},
        {"type": "reasoning", "encrypted": "Emw=", "provider": "anthropic"},
        {"type": "reasoning", "text": "Hm.", "signature": "Cts=", "provider": "gemini"},
        {"type": "reasoning", "text": "Hm.", "id": "rs_1", "encrypted": "gAA", "provider": "openai"},
        {"type": "reasoning", "text": "Hm.", "provider": "openai"},
    ]
)
STEP: Part = {"type": "other", "format": "vercel", "value": {"type": "step-start"}}
AUTHORS = st.none() | st.sampled_from(["ada", "Ada Lovelace", "<a|b>", "n" * 100])


@st.composite
def said(draw: st.DrawFn) -> NewMessage:
    role: Role = draw(st.sampled_from(["system", "developer", "user", "user", "assistant", "assistant"]))
    pieces = TEXT_PART | MEDIA if role in ("user", "assistant") else TEXT_PART
    if role == "assistant":
        pieces = pieces | REASONING | WORDS.map(lambda words: {"type": "refusal", "text": words})
    parts = draw(st.lists(pieces, min_size=1, max_size=3))
    if role == "assistant" and draw(st.booleans()):
        parts.append(draw(REASONING))
    return NewMessage(role, draw(WORDS) if draw(st.booleans()) else parts, author=draw(AUTHORS))


@st.composite
def exchange(draw: st.DrawFn) -> list[NewMessage]:
    """An assistant's calls and their results: in messages of their own, in one, or in the assistant's."""
    kind = draw(st.sampled_from([None, None, None, "custom", "function", "shell_call"]))
    ids = draw(st.lists(IDS, min_size=1, max_size=1 if kind == "function" else 3, unique=True))
    if kind == "function":
        ids = [draw(st.sampled_from(["weather~0", "imya~0"]))]
    calls: list[Part] = [
        {"type": "tool_call", "id": call, "name": draw(NAMES), "arguments": draw(ARGUMENTS)} for call in ids
    ]
    results: list[Part] = [
        {
            "type": "tool_result",
            "call_id": call,
            "content": draw(WORDS | st.lists(TEXT_PART | MEDIA, max_size=2)),
        }
        for call in draw(st.permutations(ids))
    ]
    for part in (*calls, *results):
        if kind is not None and draw(st.booleans()):
            part["kind"] = kind
    for part in results:
        if draw(st.booleans()):
            part["is_error"] = draw(st.booleans())
        if draw(st.booleans()):
            part |= {"content": '{"degrees": 12}', "media_type": "application/json"}
    before = draw(st.lists(TEXT_PART | REASONING, max_size=2))
    shape = draw(st.sampled_from(["apart", "apart", "together", "inside", "with words"]))
    assistant = NewMessage("assistant", [*before, *calls])
    if shape == "apart":
        return [assistant, *(NewMessage("tool", [result]) for result in results)]
    if shape == "together":
        return [assistant, NewMessage("tool", results)]
    if shape == "inside":
        after = draw(st.lists(TEXT_PART, max_size=1))
        return [
            NewMessage("assistant", [STEP, *before, *calls, *results, *([STEP, *after] if after else [])])
        ]
    words = draw(st.lists(TEXT_PART | MEDIA, min_size=1, max_size=2))
    return [assistant, NewMessage("user", draw(st.permutations([*results, *words])))]


CONVERSATIONS = st.lists(said().map(lambda message: [message]) | exchange(), max_size=6).map(
    lambda runs: [message for run in runs for message in run]
)
