"""Wrong arguments are refused in one line that says what to do and repeats no value."""

from __future__ import annotations

import json

import pytest
from mcp import Client

from tests.mcp_server.conftest import Call, text_of

SECRET = "hunter2-" * 20


async def test_an_unknown_argument_is_refused_by_name_with_those_that_exist(refused: Call) -> None:
    text = await refused("load_context", conversation_id="talk", max_tokn=5, user_id=SECRET)
    assert text == (
        'load_context has no argument "max_tokn", "user_id". It takes: conversation_id, max_tokens, format, '
        "upto_seq, receipt, query."
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("load_context", {}, "load_context: conversation_id: is missing."),
        (
            "load_context",
            {"conversation_id": "talk", "max_tokens": 5},
            "load_context: max_tokens: input should be greater than or equal to 100.",
        ),
        (
            "load_context",
            {"conversation_id": "talk", "format": SECRET},
            "load_context: format: input should be 'text', 'openai', 'openai_responses', 'anthropic', "
            "'gemini' or 'vercel'.",
        ),
        (
            "list_messages",
            {"conversation_id": ["talk"], "limit": SECRET},
            "list_messages: conversation_id: input should be a valid string; limit: input should be a valid "
            "integer, unable to parse string as an integer.",
        ),
        (
            "append_message",
            {"conversation_id": "talk", "role": "user", "content": 5},
            "content: must be a string or a list with at least one part",
        ),
        (
            "append_message",
            {"conversation_id": "talk", "role": "user", "content": [{"type": "txt", "text": SECRET}]},
            "content[0].type: must be one of",
        ),
        (
            "append_messages",
            {"conversation_id": "talk", "messages": [{"role": "user", "content": "x"}, {"role": SECRET}]},
            "messages[1].content: is missing",
        ),
        (
            "append_messages",
            {"conversation_id": "talk", "messages": f"[{SECRET}"},
            "messages: is a string that is not valid JSON",
        ),
        ("append_messages", {"conversation_id": "talk", "messages": []}, "messages: is empty"),
        ("create_conversation", {"metadata": [1]}, "metadata: must be a JSON object"),
        ("create_conversation", {"title": SECRET * 10}, "title: is 1600 characters long; the limit is 500"),
        ("create_conversation", {"conversation_id": "x" * 201}, "conversation_id: is 201 characters long"),
        ("list_conversations", {"cursor": SECRET}, "cursor: is not one that this list gave"),
    ],
)
async def test_a_wrong_argument_is_named_and_its_value_is_not_repeated(
    tool: str, arguments: dict[str, object], expected: str, refused: Call, conversation: str
) -> None:
    text = await refused(tool, **arguments)
    assert expected in text
    assert "hunter2" not in text
    assert "\n" not in text


async def test_numbers_and_flags_may_come_as_strings(call: Call, conversation: str) -> None:
    await call("append_message", conversation_id=conversation, role="user", content="hi", expected_head="0")
    assert "hi" in await call("list_messages", conversation_id=conversation, limit="5", after="0")
    assert '"pinned":true' in await call("update_conversation", conversation_id=conversation, pinned="true")


async def test_a_flag_is_no_number(call: Call, refused: Call, conversation: str) -> None:
    said = {"conversation_id": conversation, "role": "user", "content": "x"}
    told = "append_message: after_seq: input should be an integer, not true or false."
    assert await refused("append_message", **said, after_seq=False) == told
    assert "Head: 0." in await call("list_messages", conversation_id=conversation, branches=False)


async def test_null_stands_for_an_argument_that_is_not_given(client: Client, conversation: str) -> None:
    definitions = {tool.name: tool for tool in (await client.list_tools()).tools}
    for tool, required in (
        ("list_messages", {"conversation_id": conversation}),
        ("load_context", {"conversation_id": conversation}),
        ("list_conversations", {}),
        ("append_message", {"conversation_id": conversation, "role": "user", "content": "hi"}),
    ):
        every = dict.fromkeys(definitions[tool].input_schema["properties"]) | required
        result = await client.call_tool(tool, every)
        assert not result.is_error, text_of(result)


async def test_objects_and_lists_may_come_as_strings_of_json(call: Call) -> None:
    await call("create_conversation", conversation_id="talk", metadata='{"project": "porto"}')
    assert "talk" in await call("list_conversations", metadata='{"project":"porto"}')
    messages = [
        {"role": "user", "content": "one"},
        json.dumps({"role": "assistant", "content": [{"type": "text", "text": "two"}]}),
    ]
    answer = await call("append_messages", conversation_id="talk", messages=json.dumps(messages))
    assert json.loads(answer)["last_seq"] == 2


async def test_a_text_that_looks_like_json_stays_a_text(call: Call, conversation: str) -> None:
    words = '[{"type":"text","text":"x"}]'
    await call("append_message", conversation_id=conversation, role="user", content=words, author="null")
    exact = json.loads(await call("read_message", conversation_id=conversation, seq=1, format="json"))
    assert (exact["content"], exact["author"]) == (words, "null")
