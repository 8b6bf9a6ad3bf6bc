"""What a model reads through Claude Code of a conversation of 2,000 messages, tool by tool.

Every tool of `DEFINITIONS` is called with its defaults; one without a call fails.
"""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Generator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from recollect.history.tokens import estimate
from recollect.mcp_server.instructions import INSTRUCTIONS
from tests.clients import claude_code, long_conversation
from tests.clients.claude_code import PREFIX
from tests.clients.reading import HUGE, LOG, LONG, OTHERS, PROSE, TITLE, TOOLS, USER, Reading, prepare, words
from tests.clients.scripted_model import ScriptedModel, Seen
from tests.clients.serving import free_port, serving

pytestmark = pytest.mark.clients

SNAPSHOTS = Path(__file__).parent.parent / "mcp_server" / "snapshots"
MOST_TOKENS = 10_000
NOT_SHOWN = ("<persisted-output>", "has been saved to", "exceeds maximum allowed tokens")
"""What Claude Code shows in place of a result that it finds too large."""

Read = tuple[Reading, ScriptedModel]


@pytest.fixture(scope="module")
def of_reader(variables: dict[str, str]) -> dict[str, str]:
    """Settings of a server for the user whose conversations are prepared."""
    asyncio.run(prepare(variables, "long-stdio", "long-http"))
    return variables | {"RECOLLECT_USER_ID": USER}


@pytest.fixture(scope="module", params=["stdio", "http"])
def read(
    request: pytest.FixtureRequest,
    stdio: dict[str, Any],
    of_reader: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Read]:
    """One run of Claude Code in which the model reads with every tool."""
    folder = tmp_path_factory.mktemp("reading")
    reading = Reading(f"long-{request.param}")
    script = reading.script()
    if request.param == "stdio":
        yield reading, claude_code.run(script, stdio | {"env": of_reader}, folder, "Read.")
        return
    with serving(free_port(), of_reader, folder / "log", "-m", "recollect", "serve") as address:
        server = {"type": "http", "url": f"{address}/mcp"}
        yield reading, claude_code.run(script, server, folder, "Read.")


@pytest.fixture
def answers(read: Read) -> dict[str, Seen]:
    return read[0].answers


def test_every_tool_is_called(answers: dict[str, Seen]):
    assert set(answers) == set(TOOLS), "each tool needs its call in tests/clients/reading.py"


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_is_offered_with_its_whole_definition(tool: str, read: Read):
    offered = {offer["name"]: offer for offer in read[1].requests[0]["tools"]}[PREFIX + tool]
    defined = json.loads((SNAPSHOTS / f"{tool}.json").read_text(encoding="utf-8"))
    assert offered["description"] == unicodedata.normalize("NFKC", defined["description"])
    # Claude Code normalises what a server says about itself, so that an ellipsis becomes three dots.
    schema = unicodedata.normalize("NFKC", json.dumps(defined["inputSchema"], ensure_ascii=False))
    assert offered["input_schema"] == json.loads(schema)


def test_the_model_is_given_the_server_s_instructions_whole(read: Read):
    assert INSTRUCTIONS in read[1].told()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_default_answer_is_shown_and_is_small(tool: str, answers: dict[str, Seen]):
    seen = answers[tool]
    assert not seen.is_error, seen.text
    assert not [sign for sign in NOT_SHOWN if sign in seen.text]
    assert 0 < estimate(seen.text) < MOST_TOKENS


@pytest.mark.parametrize("tool", TOOLS)
def test_text_is_shown_as_text_and_an_acknowledgement_as_json(tool: str, answers: dict[str, Seen]):
    text = answers[tool].text
    if get_type_hints(TOOLS[tool].run)["return"] is str:
        assert "\n" in text
        assert not text.startswith(("{", "[", '"'))
    else:
        assert json.loads(text).items()
        assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def test_the_context_is_the_newest_messages_word_for_word(answers: dict[str, Seen]):
    text = answers["load_context"].text
    shown = messages_in(text)
    assert list(shown) == list(range(min(shown), len(LONG) + 1))
    assert len(shown) >= 14
    for seq, body in shown.items():
        assert_shown(seq, body)
    assert f"\n{long_conversation.INSTRUCTIONS}\n" in text
    assert f" not shown word for word; list_messages before={min(shown)} has them)" in text
    assert text.endswith(f"Append the next messages with expected_head={len(LONG)}.")


def test_a_list_shows_short_messages_word_for_word_and_says_how_to_read_the_others(answers: dict[str, Seen]):
    text = answers["list_messages"].text
    shown = messages_in(text)
    assert len(shown) >= 30
    cut = {
        seq
        for seq, body in shown.items()
        if re.search(rf"\((cut|there is more); read_message seq={seq} ", body)
    }
    assert cut
    for seq, body in shown.items():
        if seq in cut:
            assert len("".join(words(LONG[seq - 1]))) > 600
        else:
            assert_shown(seq, body)
    assert text.endswith(f"Head: {len(LONG)}. Earlier ones: before={min(shown)}.")


def test_a_large_message_is_read_slice_by_slice(read: Read):
    slices = read[0].slices
    assert len(slices) > 1
    bodies = [messages_in(part.text)[LOG] for part in slices]
    assert unquoted("".join(bodies)) == words(LONG[LOG - 1])[0]
    assert all(estimate(part.text) < MOST_TOKENS for part in slices)


def test_the_list_of_conversations_names_each_in_a_line(read: Read):
    lines = read[0].answers["list_conversations"].text.splitlines()
    named = f"{read[0].id} {json.dumps(TITLE, ensure_ascii=False)}: {len(LONG)} messages, head {len(LONG)}, "
    assert [line for line in lines if line.startswith(named)]
    assert len(lines) == 22
    assert len([line for line in lines if '"Weekly report ' in line]) < OTHERS
    assert lines[-1].startswith('More: cursor="')


def test_answers_that_were_asked_to_be_large_are_shown_too(read: Read):
    """Larger than Claude Code shows of a tool that does not say that its answers may be: 50,000
    characters and 25,000 tokens."""
    context, message = messages_in(read[0].large_context.text), messages_in(read[0].large_message.text)
    assert message == {1: HUGE}
    assert context == {seq: said.content for seq, said in enumerate(PROSE, 1)}
    assert len(read[0].large_context.text) > 420_000


def messages_in(text: str) -> dict[int, str]:
    """The messages in an answer, by seq, without the lines in front of them."""
    assert "\n<conversation " in text, text[:500]
    body = text.split("\n<conversation ", 1)[1].split("\n", 1)[1].rsplit("\n</conversation>", 1)[0]
    _, *pieces = re.split(r"(?:\A|\n)\[#(\d+) [^\n]*\]\n", body)
    return {int(seq): words for seq, words in zip(pieces[::2], pieces[1::2], strict=True)}


def assert_shown(seq: int, body: str) -> None:
    """A body holds the words of the message, and the names of the tools that it calls; where words are
    cut, the start of them, and how to read the rest."""
    message = LONG[seq - 1]
    if cut := re.search(
        rf"… \(cut: (\d+) more characters; read_message seq={seq} offset=(\d+) has them\)$", body
    ):
        (text,) = words(message)
        more, offset = int(cut[1]), int(cut[2])
        assert offset > 500
        assert more == len(text) - offset
        assert unquoted(body[: cut.start()]).endswith(text[:offset])
        return
    if isinstance(message.content, str):
        assert unquoted(body) == message.content
        return
    for text in words(message):
        assert text in unquoted(body)
    for part in message.content:
        if part["type"] == "tool_call":
            assert f"→ {part['name']} (call {part['id']}) {json.dumps(part['arguments'])}" in body


def unquoted(body: str) -> str:
    """Without the backslash before lines that look like ours."""
    return re.sub(r"^\\(?=\[#|→ |← |</?conversation)", "", body, flags=re.MULTILINE)
