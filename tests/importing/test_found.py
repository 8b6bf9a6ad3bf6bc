"""What was imported is found as if it had been said here."""

from __future__ import annotations

from pathlib import Path

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from tests.history.test_search import FOUND, SAID
from tests.importing.chatgpt_files import conversation, write
from tests.importing.conftest import import_into


async def first_found(history: History) -> dict[str, str | None]:
    """The title of the conversation that comes first for each query."""
    hits = {text: (await history.search(text)).hits for text in FOUND}
    titles = {one.id: one.title for one in (await history.list(limit=500)).conversations}
    return {text: titles[found[0].conversation_id] if found else None for text, found in hits.items()}


async def indexed(store: Recollect, user: str) -> list[tuple[str, str | None, int | None]]:
    """What search has of each message."""
    async with store.database.read(user) as tx:
        rows = await tx.fetch("SELECT text, terms, language FROM recollect.message WHERE user_id = $1", user)
    return sorted((row["text"], row["terms"], row["language"]) for row in rows)


async def test_search_finds_imported_messages_in_every_language(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    expected = {text: f"Conversation {id}" for text, id in FOUND.items()}
    file = write(tmp_path / "1.json", *[conversation(id, [text]) for id, text in SAID.items()])
    await import_into(history, file)
    assert await first_found(history) == expected
    own = tmp_path / "own.jsonl"
    own.write_text("".join([text async for text in history.export()]))
    bob = store.for_user("bob")
    await import_into(bob, own)
    assert await first_found(bob) == expected


async def test_an_import_fills_what_an_append_fills(
    history: History, store: Recollect, tmp_path: Path
) -> None:
    appended = store.for_user("appends")
    for id, text in SAID.items():
        await appended.create(id=id)
        await appended.append(id, NewMessage("user", text))
    file = write(tmp_path / "1.json", *[conversation(id, [text]) for id, text in SAID.items()])
    await import_into(history, file)
    imported = await indexed(store, "alice")
    assert imported == await indexed(store, "appends")
    assert any(terms for _, terms, _ in imported)
    assert any(language is not None for _, _, language in imported)
