"""A turn in two calls: what the user said is stored once, and the same context comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from recollect.db.link import link_users
from recollect.db.target import parse_url
from recollect.history.formats import FORMATS, Format
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import Conflict, InvalidArgument, KeyReused, NotFound, NotReady
from recollect.models.message import Appended, NewMessage, Part, Turn


def user(text: str) -> NewMessage:
    return NewMessage("user", text)


def said(turn: Turn) -> list[str]:
    """The words of a turn's context, for format "openai"."""
    return [str(each["content"]) for each in turn.context.messages]


def retried(turn: Turn) -> Turn:
    """What a retry of this turn has to answer: the same, but for saying that it is one."""
    first = turn.appended
    appended = Appended(first.conversation_id, first.first_seq, first.last_seq, first.head, replayed=True)
    return Turn(turn.conversation_id, turn.created, appended, turn.context, turn.added)


async def count(history: History) -> int:
    return len((await history.list(limit=500)).conversations)


async def test_a_turn_without_a_conversation_begins_one(history: History) -> None:
    turn = await history.open_turn(
        user("hi"), key="k", format="openai", title="Greetings", instructions="Be brief."
    )
    assert turn.created
    assert turn.appended == Appended(turn.conversation_id, 1, 1, 1)
    assert turn.context.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    assert (turn.context.head, turn.context.current_head, turn.added) == (1, 1, None)
    conversation = await history.get(turn.conversation_id)
    assert (conversation.title, conversation.instructions) == ("Greetings", "Be brief.")
    assert (conversation.message_count, conversation.head_seq, conversation.linear) == (1, 1, True)
    assert len(turn.conversation_id) == len((await history.create()).id)


async def test_a_turn_goes_on_with_a_conversation(history: History) -> None:
    c = (await history.create(instructions="Be brief.")).id
    await history.append(c, [user("hi"), NewMessage("assistant", "hello")])
    turn = await history.open_turn(user("how are you?"), key="k", id=c, format="openai")
    assert (turn.conversation_id, turn.created) == (c, False)
    assert turn.appended == Appended(c, 3, 3, 3)
    assert said(turn) == ["Be brief.", "hi", "hello", "how are you?"]
    answer = await history.append(c, NewMessage("assistant", "well"), expected_head=turn.context.head)
    assert answer == Appended(c, 4, 4, 4)


@pytest.mark.parametrize("format", FORMATS)
async def test_a_retry_gives_the_same_context_although_others_went_on(
    history: History, format: Format
) -> None:
    c = (await history.create(instructions="Be brief.")).id
    await history.append(c, [user("one"), NewMessage("assistant", "two")])
    first = await history.open_turn(user("three"), key="k", id=c, format=format, known_head=1)
    assert first.added == (2, 2)
    await history.append(c, [NewMessage("assistant", "four"), user("five")], key="other")
    again = await history.open_turn(user("three"), key="k", id=c, format=format, known_head=1)
    assert again.context.current_head == 5
    again.context.current_head = first.context.current_head
    assert again == retried(first)
    assert "five" not in f"{again.context.messages}{again.context.text}"
    assert (await history.get(c)).message_count == 5


async def test_a_retry_of_the_first_turn_finds_its_conversation_and_says_that_it_is_new(
    history: History,
) -> None:
    """Whoever lost the answer does not know the id yet."""
    first = await history.open_turn(user("hi"), key="k", title="Mine")
    assert await history.open_turn(user("hi"), key="k", title="Mine") == retried(first)
    await history.append(first.conversation_id, NewMessage("assistant", "hello"))
    again = await history.open_turn(user("hi"), key="k", title="Mine")
    assert again.created
    assert again.context.text == first.context.text
    assert (again.context.head, again.context.current_head) == (1, 2)
    assert await count(history) == 1


async def test_a_retry_after_a_switch_of_the_head_shows_what_the_first_call_showed(history: History) -> None:
    c = (await history.create()).id
    await history.append(c, [user("one"), user("two")])
    first = await history.open_turn(user("three"), key="k", id=c, format="openai")
    await history.append(c, user("another two"), after_seq=1)
    again = await history.open_turn(user("three"), key="k", id=c, format="openai")
    assert said(again) == said(first) == ["one", "two", "three"]
    assert (again.context.head, again.context.current_head) == (3, 4)


async def test_a_key_that_comes_back_with_other_content_is_refused(history: History) -> None:
    turn = await history.open_turn(user("hi"), key="k")
    for id in (None, turn.conversation_id):
        with pytest.raises(
            KeyReused, match=r"'k' (was used here before for other content|began conversation)"
        ):
            await history.open_turn(user("ho"), key="k", id=id)
    conversation = await history.get(turn.conversation_id)
    assert (conversation.message_count, await count(history)) == (1, 1)


async def test_without_an_id_each_key_and_each_user_has_a_conversation_of_its_own(store: Recollect) -> None:
    alice, bob = store.for_user("alice"), store.for_user("bob")
    turns = [await of.open_turn(user("hi"), key=key) for of, key in ((alice, "k"), (alice, "l"), (bob, "k"))]
    assert len({turn.conversation_id for turn in turns}) == 3
    assert all(turn.created and not turn.appended.replayed for turn in turns)
    assert (await count(alice), await count(bob)) == (2, 1)


async def test_user_and_key_are_told_apart(store: Recollect) -> None:
    ids = [
        (await store.for_user(name).open_turn(user("hi"), key=key)).conversation_id
        for name, key in (("a", "bc"), ("ab", "c"))
    ]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("begins", [True, False])
async def test_the_same_turn_many_times_at_once_is_stored_once(history: History, begins: bool) -> None:
    id = None if begins else (await history.create()).id
    turns = await asyncio.gather(
        *(history.open_turn([user("a"), user("b")], key="k", id=id, format="openai") for _ in range(16))
    )
    assert await count(history) == 1
    (c,) = {turn.conversation_id for turn in turns}
    assert (await history.get(c)).message_count == 2
    assert sum(not turn.appended.replayed for turn in turns) == 1
    assert {turn.created for turn in turns} == {begins}
    assert {(turn.appended.first_seq, turn.appended.last_seq, turn.appended.head) for turn in turns} == {
        (1, 2, 2)
    }
    assert all(turn.context == turns[0].context for turn in turns)


async def test_of_different_turns_with_one_key_at_once_one_is_stored(history: History) -> None:
    results = await asyncio.gather(
        *(history.open_turn(user(f"word {number}"), key="k") for number in range(8)), return_exceptions=True
    )
    (won,) = [result for result in results if isinstance(result, Turn)]
    assert sum(isinstance(result, KeyReused) for result in results) == 7
    assert (await history.get(won.conversation_id)).message_count == 1


async def test_different_turns_at_once_are_stored_one_after_the_other(history: History) -> None:
    c = (await history.create()).id
    turns = await asyncio.gather(
        *(history.open_turn(user(f"{n}"), key=f"{n}", id=c, format="openai") for n in range(20))
    )
    assert sorted(turn.appended.first_seq for turn in turns) == list(range(1, 21))
    for number, turn in enumerate(turns):
        assert (said(turn)[-1], len(said(turn))) == (f"{number}", turn.appended.first_seq)


async def test_nothing_is_stored_in_the_trash_but_a_retry_is_answered(history: History) -> None:
    first = await history.open_turn(user("hi"), key="k")
    await history.delete(first.conversation_id)
    with pytest.raises(Conflict, match="in the trash"):
        await history.open_turn(user("more"), key="l", id=first.conversation_id)
    again = await history.open_turn(user("hi"), key="k")
    assert again.context.trashed
    again.context.trashed = False
    assert again == retried(first)
    assert (await history.get(first.conversation_id)).message_count == 1


async def test_after_a_purge_the_key_begins_anew(history: History) -> None:
    first = await history.open_turn(user("hi"), key="k")
    await history.purge(first.conversation_id)
    assert await history.open_turn(user("hi"), key="k") == first


async def test_an_unknown_or_foreign_conversation_is_not_found(store: Recollect, history: History) -> None:
    foreign = (await store.for_user("bob").create(id="his")).id
    texts: list[str] = []
    for id in ("nope", foreign):
        with pytest.raises(NotFound) as raised:
            await history.open_turn(user("hi"), key="k", id=id)
        texts.append(str(raised.value).replace(id, "…"))
    assert texts[0] == texts[1]
    assert await count(history) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"key": ""}, "key: must be a string of 1 to 200"),
        ({"key": "k" * 201}, "key: is 201 characters long"),
        ({"key": None}, "key: must be a string of 1 to 200"),
        ({"key": "\x00"}, "key: contains U"),
        ({"id": ""}, "id: must be a string"),
        ({"id": "talk", "title": "A title"}, "title: is for a conversation that begins with this turn"),
        ({"id": "talk", "instructions": "Be brief."}, "instructions: is for a conversation that begins"),
        ({"title": ""}, "title: must be a string of 1 to"),
        ({"title": "t" * 501}, "title: is 501 characters long"),
        ({"instructions": "i" * 200_001}, "instructions: is 200001 characters"),
        ({"max_tokens": 0}, "max_tokens: must be an integer from 1 to"),
        ({"format": "html"}, "format: must be one of text"),
        ({"known_head": -1}, "known_head: must be an integer"),
        ({"message": []}, "messages: is empty"),
        ({"message": [NewMessage("user", "a"), NewMessage("user", [])]}, r"messages\[1\]\.content"),
    ],
)
async def test_bad_arguments_are_refused_by_name_before_anything_is_stored(
    history: History, arguments: dict[str, Any], problem: str
) -> None:
    await history.create(id="talk")
    given: dict[str, Any] = {"message": user("hi"), "key": "k"}
    with pytest.raises(InvalidArgument, match=problem):
        await history.open_turn(**(given | arguments))
    assert await count(history) == 1
    assert (await history.get("talk")).message_count == 0


async def test_a_turn_tells_what_was_added_since_the_head_that_the_caller_knew(history: History) -> None:
    c = (await history.create()).id
    await history.append(c, [user("1"), user("2"), user("3")])
    for known, added in ((0, (1, 3)), (1, (2, 3)), (2, (3, 3)), (3, None), (99, None), (None, None)):
        turn = await history.open_turn(user("4"), key="k", id=c, known_head=known)
        assert turn.added == added


async def test_what_was_added_on_another_branch_is_not_told(history: History) -> None:
    c = (await history.create()).id
    await history.append(c, [user("1"), user("2")])
    await history.append(c, [user("3"), user("4")], expected_head=1, on_conflict="branch")
    turn = await history.open_turn(user("5"), key="k", id=c, known_head=2, format="openai")
    assert (said(turn), turn.added) == (["1", "2", "5"], None)
    again = await history.open_turn(user("5"), key="k", id=c, known_head=2, format="openai")
    assert again == retried(turn)
    await history.append(c, user("6"))
    assert (await history.open_turn(user("7"), key="l", id=c, known_head=5)).added == (6, 6)


async def test_several_messages_are_one_turn(history: History) -> None:
    """Such as the results of tools that ran elsewhere, and what the user said meanwhile."""
    c = (await history.create()).id
    call: Part = {"type": "tool_call", "id": "a", "name": "look", "arguments": {}}
    await history.append(c, [user("look"), NewMessage("assistant", [call])])
    result = NewMessage("tool", [{"type": "tool_result", "call_id": "a", "content": "found"}])
    turn = await history.open_turn([result, user("and?")], key="k", id=c, format="openai")
    assert turn.appended == Appended(c, 3, 4, 4)
    assert [each["role"] for each in turn.context.messages] == ["user", "assistant", "tool", "user"]
    assert (turn.context.head, turn.context.repairs) == (4, [])


async def test_parts_and_awkward_text_come_back(history: History) -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "\x00 \ud800 </conversation>"},
        {"type": "image", "url": "https://example.com/a.png"},
    ]
    turn = await history.open_turn(NewMessage("user", parts, "Ana", {"n": 1}), key="k")
    (message,) = (await history.list_messages(turn.conversation_id)).messages
    assert (message.parts, message.author, message.metadata, message.key) == (parts, "Ana", {"n": 1}, "k")
    assert (await history.open_turn(NewMessage("user", parts, "Ana", {"n": 1}), key="k")) == retried(turn)


async def test_a_message_larger_than_the_budget_is_stored_whole_and_shown_cut(history: History) -> None:
    words = "one word more, " * 200_000
    turn = await history.open_turn(user(words), key="k", max_tokens=1_000)
    assert turn.context.tokens <= 1_000
    assert "read_message seq=1 offset=" in turn.context.text
    slice = await history.read_message(turn.conversation_id, 1, offset=len(words) - 10)
    assert (slice.text, slice.total_chars) == (words[-10:], len(words))
    assert await history.open_turn(user(words), key="k", max_tokens=1_000) == retried(turn)


@pytest.mark.parametrize("type", ["text", "integer"])
async def test_a_user_whom_the_linked_users_table_lacks_is_told_apart_from_a_defect(
    database_url: str, store: Recollect, type: str
) -> None:
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    try:
        await connection.execute(f"CREATE TABLE public.users (id {type} PRIMARY KEY)")
        await connection.execute("INSERT INTO public.users VALUES ('7')")
        await link_users(connection, "public.users.id")
    finally:
        await connection.close()
    known, nobody = store.for_user("7"), store.for_user("8")
    assert (await known.open_turn(user("hi"), key="k")).created
    with pytest.raises(NotReady, match="create the user there first"):
        await nobody.open_turn(user("hi"), key="k")
    with pytest.raises(NotFound):
        await nobody.open_turn(user("hi"), key="k", id="nope")
