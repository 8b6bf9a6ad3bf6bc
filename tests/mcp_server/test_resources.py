"""Conversations as resources: listing in pages, reading, completing; and the prompt."""

from __future__ import annotations

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.mcp_server.resources import CONVERSATIONS, TEMPLATE, uri_of
from recollect.models.message import NewMessage
from tests.mcp_server.conftest import connected

INVALID_PARAMS = -32602


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.uri == uri
    return content.text


async def test_resources_are_the_list_and_every_conversation_page_by_page(
    client: Client, history: History
) -> None:
    for number in range(120):
        await history.create(id=f"n{number}", title=f"Talk {number}")
    page = await client.list_resources()
    assert page.resources[0].uri == CONVERSATIONS
    assert (page.resources[1].uri, page.resources[1].title) == (f"{CONVERSATIONS}/n119", "Talk 119")
    listed = [resource.name for resource in page.resources[1:]]
    while page.next_cursor is not None:
        page = await client.list_resources(cursor=page.next_cursor)
        listed.extend(resource.name for resource in page.resources)
    assert listed == [f"n{number}" for number in reversed(range(120))]


async def test_a_wrong_cursor_is_refused(client: Client) -> None:
    with pytest.raises(MCPError) as refused:
        await client.list_resources(cursor="made up")
    assert refused.value.error.code == INVALID_PARAMS


async def test_a_conversation_is_read_and_paged_back(client: Client, history: History) -> None:
    await history.create(id="talk")
    await history.append("talk", [NewMessage("user", f"word {number}") for number in range(1, 61)])
    text = await read(client, f"{CONVERSATIONS}/talk")
    assert "word 60" in text
    assert text.endswith(f"Head: 60. Earlier ones: {CONVERSATIONS}/talk?before=11.")
    earlier = await read(client, f"{CONVERSATIONS}/talk?before=11")
    assert "word 10\n" in earlier
    assert "word 11" not in earlier
    assert earlier.endswith("Head: 60.")  # the address has no `after`


@pytest.mark.parametrize(
    "id", ["a/b", "..", "/etc/passwd", "x?before=1", "50% ü ☂", "a,b&c#d", "C:\\x", "{id}"]
)
async def test_ids_with_odd_characters_are_addressed_percent_encoded(
    id: str, client: Client, history: History
) -> None:
    await history.create(id=id)
    await history.append(id, NewMessage("user", "found"))
    listed = (await client.list_resources()).resources[1]
    assert listed.uri == uri_of(id)
    assert "found" in await read(client, listed.uri)


async def test_what_is_missing_and_what_is_another_user_s_are_not_found_alike(
    client: Client, store: Recollect, history: History
) -> None:
    await history.create(id="talk")
    errors: list[str] = []
    async with connected(store, "bob") as bob:
        for id in ("talk", "none"):
            with pytest.raises(MCPError) as refused:
                await bob.read_resource(uri_of(id))
            assert refused.value.error.code == INVALID_PARAMS
            assert refused.value.error.data == {"uri": uri_of(id)}
            errors.append(refused.value.error.message.replace("talk", "none"))
            with pytest.raises(MCPError) as refused:
                await bob.get_prompt("resume_conversation", {"conversation_id": id})
            errors.append(refused.value.error.message.replace("talk", "none"))
        assert len((await bob.list_resources()).resources) == 1
        completed = await bob.complete(ResourceTemplateReference(uri=TEMPLATE), {"name": "id", "value": "t"})
        assert completed.completion.values == []
    assert len(set(errors)) == 1


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("talk?before=x", "before: must be the number of a message"),
        ("talk?before=9999999999", "before: must be an integer from 0 to"),
        ("%00", "conversation_id: contains U\\+0000"),
        ("%00/export", "conversation_id: contains U\\+0000"),
        ("x" * 201, "conversation_id: is 201 characters long"),
    ],
)
async def test_a_wrong_address_is_the_callers_mistake(
    client: Client, history: History, address: str, says: str
) -> None:
    await history.create(id="talk")
    with pytest.raises(MCPError, match=says) as refused:
        await client.read_resource(f"{CONVERSATIONS}/{address}")
    assert refused.value.error.code == INVALID_PARAMS


async def test_ids_are_completed_from_their_start_and_from_titles(client: Client, history: History) -> None:
    await history.create(id="alpha", title="Porto")
    await history.create(id="beta", title="The alphabet")
    await history.create(id="gamma")
    for reference, argument in (
        (ResourceTemplateReference(uri=TEMPLATE), "id"),
        (PromptReference(name="resume_conversation"), "conversation_id"),
    ):
        for typed, expected in (
            ("alph", ["alpha", "beta"]),
            ("PORT", ["alpha"]),
            ("", ["gamma", "beta", "alpha"]),
            ("zzz", []),
        ):
            completed = await client.complete(reference, {"name": argument, "value": typed})
            assert completed.completion.values == expected


async def test_nothing_else_is_completed(client: Client, history: History) -> None:
    await history.create(id="alpha")
    completed = await client.complete(
        ResourceTemplateReference(uri=TEMPLATE), {"name": "before", "value": ""}
    )
    assert completed.completion.values == []


async def test_the_prompt_loads_the_conversation_and_asks_to_go_on(client: Client, history: History) -> None:
    await history.create(id="talk", instructions="Be brief.")
    await history.append("talk", NewMessage("user", "Where were we?"))
    prompt = await client.get_prompt("resume_conversation", {"conversation_id": "talk"})
    (message,) = prompt.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    assert message.content.text.startswith('Let us go on with the Recollect conversation "talk".')
    assert "Where were we?" in message.content.text
    assert message.content.text.endswith("Append the next messages with expected_head=1.")


async def test_what_belongs_to_one_user_is_not_to_be_shared_from_a_cache(
    client: Client, history: History
) -> None:
    await history.create(id="talk")
    assert (await client.list_resources()).cache_scope == "private"
    assert (await client.read_resource(uri_of("talk"))).cache_scope == "private"
