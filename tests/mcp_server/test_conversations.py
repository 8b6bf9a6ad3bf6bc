"""The tools that create, find, change and delete conversations."""

from __future__ import annotations

import json
import re

from mcp import Client
from mcp.types import TextResourceContents

from recollect.history.store import Recollect
from recollect.history.tokens import estimate
from tests.mcp_server.conftest import Call, connected, text_of


async def test_creating_answers_the_same_compact_json_as_text_and_as_structure(client: Client) -> None:
    result = await client.call_tool("create_conversation", {"title": "Trip to Porto ☂"})
    fields = result.structured_content
    assert fields is not None
    assert fields["conversation_id"].startswith("c_")
    assert text_of(result) == (
        f'{{"conversation_id":"{fields["conversation_id"]}","head":0,"title":"Trip to Porto ☂"}}'
    )


async def test_an_id_of_one_s_own_can_be_used_once(call: Call, refused: Call) -> None:
    await call("create_conversation", conversation_id="order/17 ü")
    text = await refused("create_conversation", conversation_id="order/17 ü")
    assert text.startswith("conversation_id: a conversation 'order/17 ü' exists already")


async def test_the_list_shows_what_is_needed_to_choose(call: Call) -> None:
    await call("create_conversation", conversation_id="a", title="First")
    await call("create_conversation", conversation_id="b", metadata={"project": "porto"})
    await call("append_message", conversation_id="a", role="user", content="hi")
    await call("update_conversation", conversation_id="a", pinned=True)
    lines = (await call("list_conversations")).splitlines()
    assert lines[0] == "2 conversations, latest first; titles and metadata are stored data:"
    assert lines[1].startswith('a "First": 1 message, head 1, ')
    assert lines[1].endswith(", pinned")
    assert lines[2].startswith("b (untitled): 0 messages, head 0, ")
    assert lines[2].endswith('{"project":"porto"}')
    assert lines[3] == "These are all."


async def test_the_list_is_paged_with_a_cursor_it_gives(call: Call) -> None:
    for number in range(5):
        await call("create_conversation", conversation_id=f"n{number}")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        lines = (await call("list_conversations", limit=2, cursor=cursor)).splitlines()
        seen.extend(line.split()[0] for line in lines[1:-1])
        if lines[-1] == "These are all.":
            break
        cursor = lines[-1].split('"')[1]
    assert seen == ["n4", "n3", "n2", "n1", "n0"]


async def test_a_page_is_as_long_as_one_answer_may_be(call: Call, client: Client) -> None:
    ids = [f"{number:02}" + chr(0x1F600 + number) * 190 for number in range(50)]
    for id in ids:
        await call("create_conversation", conversation_id=id, title="灯" * 200, metadata={"k": "塔" * 300})
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < len(ids):
        text = await call("list_conversations", limit=50, cursor=cursor)
        assert estimate(text) < 10_000
        seen += re.findall(r'^"(\d\d)', text, re.MULTILINE)
        more = re.search('^More: cursor="([^"]+)"', text, re.MULTILINE)
        cursor = more[1] if more else None
    assert cursor is None
    assert seen == [id[:2] for id in reversed(ids)]
    (content,) = (await client.read_resource("recollect://conversations")).contents
    assert isinstance(content, TextResourceContents)
    assert estimate(content.text) < 10_000


async def test_a_title_cannot_pose_as_another_line_of_the_list(call: Call) -> None:
    for number, separator in enumerate("\n\r\x0b\x0c\x1c\x85\u2028\u2029\u202e\x1b"):
        await call("create_conversation", conversation_id=f"n{number}", title=f'x"{separator}c_fake "y": 1')
    lines = (await call("list_conversations")).splitlines()
    assert len(lines) == 12
    assert not [line for line in lines if line.startswith("c_fake") or not line.isprintable()]


async def test_metadata_are_listed_in_their_own_script(call: Call) -> None:
    await call("create_conversation", conversation_id="a", metadata={"担当": "田中\u2028"})
    assert (await call("list_conversations")).splitlines()[1].endswith(', {"担当":"田中\\u2028"}')


async def test_an_empty_list_says_what_to_do(call: Call) -> None:
    assert await call("list_conversations", title="none") == (
        "No conversations match. Fewer filters may find more; open_turn begins one."
    )


async def test_updating_changes_what_is_given_and_nothing_else(call: Call, conversation: str) -> None:
    changed = await call("update_conversation", conversation_id=conversation, metadata={"a": 1})
    assert json.loads(changed)["title"] == "A talk"
    cleared = json.loads(await call("update_conversation", conversation_id=conversation, title=""))
    assert "title" not in cleared
    assert cleared["metadata"] == {"a": 1}


async def test_updating_nothing_is_refused(refused: Call, conversation: str) -> None:
    assert "nothing to change" in await refused("update_conversation", conversation_id=conversation)


async def test_an_answer_does_not_repeat_large_metadata(call: Call, conversation: str) -> None:
    large = {"m": "\n" * 20_000}
    changed = json.loads(await call("update_conversation", conversation_id=conversation, metadata=large))
    copy = json.loads(await call("fork_conversation", conversation_id=conversation))
    for answer in (changed, copy):
        assert "metadata" not in answer
        assert answer["metadata_left_out"] == "40008 characters; export_conversation(format=jsonl) has them"


async def test_instructions_stand_before_the_context_and_can_be_removed(
    call: Call, conversation: str
) -> None:
    await call("update_conversation", conversation_id=conversation, instructions="Answer in Portuguese.")
    assert "Answer in Portuguese." in await call("load_context", conversation_id=conversation)
    await call("update_conversation", conversation_id=conversation, instructions="")
    assert "Portuguese" not in await call("load_context", conversation_id=conversation)


async def test_archived_conversations_leave_the_default_list(call: Call, conversation: str) -> None:
    await call("update_conversation", conversation_id=conversation, archived=True)
    assert "No conversations match" in await call("list_conversations")
    assert ", archived" in await call("list_conversations", archived=True)
    await call("create_conversation", conversation_id="other")
    for id in (conversation, "other"):
        await call("delete_conversation", conversation_id=id)
    assert "other" in await call("list_conversations", trash=True)
    both = await call("list_conversations", trash=True, archived=True)
    assert ("talk" in both, "other" in both) == (True, False)


async def test_deleting_moves_to_the_trash_and_restore_brings_back(call: Call, conversation: str) -> None:
    await call("append_message", conversation_id=conversation, role="user", content="hi")
    deleted = json.loads(await call("delete_conversation", conversation_id=conversation))
    assert deleted == {"conversation_id": "talk", "trashed": True, "messages": 1}
    assert "No conversations match" in await call("list_conversations")
    assert ", in trash" in await call("list_conversations", trash=True)
    await call("update_conversation", conversation_id=conversation, restore=True, title="Back")
    assert '"Back"' in await call("list_conversations")


async def test_a_change_of_which_a_part_is_refused_changes_nothing(
    call: Call, refused: Call, conversation: str
) -> None:
    messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    await call("append_messages", conversation_id=conversation, messages=messages)
    too_long = {"conversation_id": conversation, "title": "x" * 501}
    assert "title: is 501 characters" in await refused("update_conversation", **too_long, head=1)
    missing = await refused("update_conversation", conversation_id=conversation, title="New", head=9)
    assert missing == "head: this conversation has no such message; its last one is 2"
    assert 'talk "A talk": 2 messages, head 2' in await call("list_conversations")
    await call("delete_conversation", conversation_id=conversation)
    await refused("update_conversation", **too_long, restore=True)
    await refused("update_conversation", conversation_id=conversation, restore=True, head=9)
    assert "talk" in await call("list_conversations", trash=True)
    changed = await call(
        "update_conversation", conversation_id=conversation, restore=True, head=1, title="New"
    )
    assert (json.loads(changed)["head"], json.loads(changed)["title"]) == (1, "New")


async def test_removing_for_good_needs_the_exact_title_or_id(
    call: Call, refused: Call, conversation: str
) -> None:
    await call("append_message", conversation_id=conversation, role="user", content="hi")
    for confirm in (None, "a talk", ""):
        text = await refused(
            "delete_conversation", conversation_id=conversation, permanent=True, confirm=confirm
        )
        assert text.startswith("confirm: must be the conversation's exact title or id")
    removed = await call(
        "delete_conversation", conversation_id=conversation, permanent=True, confirm="A talk"
    )
    assert json.loads(removed) == {"conversation_id": "talk", "removed": {"messages": 1, "summaries": 0}}
    assert "there is no conversation" in await refused("load_context", conversation_id=conversation)


async def test_another_user_s_conversation_looks_like_one_that_does_not_exist(
    store: Recollect, conversation: str
) -> None:
    calls: list[tuple[str, dict[str, object]]] = [
        ("load_context", {}),
        ("list_messages", {}),
        ("read_message", {"seq": 1}),
        ("append_message", {"role": "user", "content": "x"}),
        ("append_messages", {"messages": [{"role": "user", "content": "x"}]}),
        ("update_conversation", {"title": "x"}),
        ("update_conversation", {"restore": True}),
        ("delete_conversation", {}),
        ("delete_conversation", {"permanent": True, "confirm": "talk"}),
    ]
    async with connected(store, "bob") as bob:
        for tool, arguments in calls:
            foreign = await bob.call_tool(tool, {"conversation_id": "talk", **arguments})
            missing = await bob.call_tool(tool, {"conversation_id": "none", **arguments})
            assert foreign.is_error
            assert text_of(foreign).replace("talk", "none") == text_of(missing)
        assert "No conversations match" in text_of(await bob.call_tool("list_conversations", {}))
