"""Claude Code's real client keeps up a conversation, turn by turn, each in a process of its own.

No model and no network: a script plays the model (`scripted_model`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from recollect.mcp_server.instructions import INSTRUCTIONS
from recollect.mcp_server.tools import DEFINITIONS
from tests.clients import claude_code
from tests.clients.claude_code import PREFIX, call
from tests.clients.scripted_model import Call, Script, Seen

pytestmark = pytest.mark.clients

QUESTION = 'Which trains go to "Porto"?\n\tBudget: 900 € 🚆 (C:\\temp)'
FARES = '{"fares": [{"to": "Porto", "price": 84.5, "note": "line one\\nline two"}]}'
ANSWER = 'There is one for 84.50 €.\n\n```\nprint("Boa viagem\\n")\n```\n予約しますか。'


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How to reach Recollect, in the words of Claude Code's configuration."""
    if request.param == "stdio":
        return request.getfixturevalue("stdio")
    return {"type": "http", "url": f"{request.getfixturevalue('http')}/mcp"}


def test_a_turn_is_remembered_by_the_next_process(server: dict[str, Any], tmp_path: Path):
    carried: dict[str, str] = {}
    seen: dict[str, Seen] = {}

    def first() -> Script:
        (seen["open_turn"],) = yield [call("open_turn", content=QUESTION, key=uuid4().hex, title="Trains")]
        id = carried["conversation_id"] = seen["open_turn"].text.split('conversation_id="')[1].split('"')[0]
        used = {"type": "tool_call", "id": "f1", "name": "find_fares", "arguments": {"to": "Porto"}}
        found = {"type": "tool_result", "call_id": "f1", "content": FARES}
        answer = [
            {"role": "assistant", "content": [used]},
            {"role": "tool", "content": [found]},
            {"role": "assistant", "content": ANSWER},
        ]
        yield [call("append_messages", conversation_id=id, messages=answer, key="a1", expected_head=1)]
        return ANSWER

    def second() -> Script:
        id = carried["conversation_id"]
        yield [call("append_message", conversation_id=id, role="user", content="Yes, please.", key="q2")]
        names = ("load_context", "list_messages", "list_conversations", "read_message")
        results = yield [
            call("load_context", conversation_id=id),
            call("list_messages", conversation_id=id, before=5),
            call("list_conversations", title="train"),
            call("read_message", conversation_id=id, seq=4),
        ]
        seen.update(zip(names, results, strict=True))
        return "Booked."

    for number, (script, prompt) in enumerate(((first(), QUESTION), (second(), "Yes, please."))):
        folder = tmp_path / str(number)
        folder.mkdir()
        claude_code.run(script, server, folder, prompt)

    assert f"]\n{QUESTION}\n</conversation>\nHead: 1." in seen["open_turn"].text
    for tool in ("load_context", "list_messages"):
        for said in (QUESTION, "→ find_fares (call f1)", f"← call f1:\n{FARES}\n[#4", ANSWER):
            assert said in seen[tool].text, (tool, said)
    assert "\nYes, please.\n</conversation>\nHead: 5." in seen["load_context"].text
    assert f"]\n{ANSWER}\n</conversation>" in seen["read_message"].text
    assert f'{carried["conversation_id"]} "Trains": 5 messages' in seen["list_conversations"].text


def test_a_turn_s_tools_are_there_at_once_and_the_others_load_by_name(stdio: dict[str, Any], tmp_path: Path):
    """What a user has who sets nothing: definitions are deferred until the model asks for them."""
    wanted = [PREFIX + definition.run.__name__ for definition in DEFINITIONS]
    at_once = {PREFIX + "open_turn", PREFIX + "append_messages"}

    def script() -> Script:
        yield [Call("ToolSearch", {"query": f"select:{','.join(wanted)}"})]
        (listed,) = yield [call("list_conversations")]
        return listed.text

    model = claude_code.run(script(), stdio, tmp_path, "Which conversations are there?", variables={})
    offered = [{tool["name"] for tool in request["tools"]} for request in model.requests]
    assert offered[0].intersection(wanted) == at_once
    assert all(f"\n{name}\n" in model.told() for name in set(wanted) - at_once)
    assert INSTRUCTIONS in model.told()
    assert offered[1].issuperset(wanted)


ERRORS: dict[str, tuple[Call, str]] = {
    "a conversation that is not there": (
        call("load_context", conversation_id="c_0000000000000"),
        "conversation_id: there is no conversation 'c_0000000000000'.",
    ),
    "an argument that is missing": (call("load_context"), "load_context: conversation_id: is missing."),
    "an argument that no tool has": (
        call("load_context", conversation_id="errors", user_id="bob"),
        'load_context has no argument "user_id". It takes: conversation_id, ',
    ),
    "a number out of range": (
        call("list_messages", conversation_id="errors", limit=1_000),
        "list_messages: limit: input should be less than or equal to 200.",
    ),
    "a message that is not there": (
        call("read_message", conversation_id="errors", seq=9),
        "seq: this conversation has no message 9; its last one is 1",
    ),
    "a cursor that was made up": (call("list_conversations", cursor="next"), "cursor: "),
    "a head that moved": (
        call("append_message", conversation_id="errors", role="user", content="late", expected_head=0),
        "expected_head: the conversation grew from 0 to 1 since you read it.",
    ),
    "a key used before": (
        call("append_message", conversation_id="errors", role="user", content="other", key="k"),
        "key: 'k' was used here before for other content (seq 1).",
    ),
    "a role that is none": (
        call("append_messages", conversation_id="errors", messages=[{"role": "bot", "content": "hi"}]),
        "messages[0].role: must be one of system, developer, user, assistant, tool",
    ),
    "an id that is taken": (
        call("create_conversation", conversation_id="errors"),
        "conversation_id: a conversation 'errors' exists already",
    ),
    "a removal without confirmation": (
        call("delete_conversation", conversation_id="errors", permanent=True),
        "confirm: must be the conversation's exact title or id",
    ),
    "a change of nothing": (
        call("update_conversation", conversation_id="errors"),
        "title: nothing to change",
    ),
}


def test_errors_say_what_is_wrong_and_what_to_do(stdio: dict[str, Any], tmp_path: Path):
    seen: list[Seen] = []

    def script() -> Script:
        yield [call("create_conversation", conversation_id="errors")]
        yield [call("append_message", conversation_id="errors", role="user", content="said", key="k")]
        seen.extend((yield [wrong for wrong, _ in ERRORS.values()]))
        return "That is all."

    claude_code.run(script(), stdio, tmp_path, "Make every mistake.")
    for (name, (_, text)), result in zip(ERRORS.items(), seen, strict=True):
        assert result.is_error, name
        assert result.text.startswith(text), (name, result.text)
        assert len(result.text) < 600, name
    moved = seen[list(ERRORS).index("a head that moved")]
    assert "append with expected_head=1" in moved.text
    assert "]\nsaid\n</conversation>" in moved.text
