"""Gemini's part of a Google Takeout: `MyActivity.json`, one entry for each prompt with its answer.

Takeout does not say which prompts belong to one conversation, so each entry is one.
"""

from __future__ import annotations

import html
import re
from typing import cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.format import ImportFormat, one_each
from recollect.history.importing.values import items, kept, text, time
from recollect.models.imported import ImportedConversation, ImportedMessage
from recollect.models.message import NewMessage, Part

SOURCE = "gemini"
TITLE_CHARS = 80

_BREAKS = re.compile(r"(?i)<br\s*/?>|</(p|div|h[1-6]|li|tr|pre|blockquote)>")
_ITEMS = re.compile(r"(?i)<li[^>]*>")
_CELLS = re.compile(r"(?i)</t[dh]>")
_CODE = re.compile(r"(?i)<pre\b[^>]*>")
_CODE_END = re.compile(r"(?i)</pre>")
_TAGS = re.compile(r"<[^>]*>")


def matches(value: JsonObject) -> bool:
    products = items(value, "products")
    return "time" in value and any("Gemini" in str(name) or "Bard" in str(name) for name in products)


def read(value: JsonObject) -> ImportedConversation:
    at = time(value.get("time"))
    title = text(value, "title") or ""
    prompt = title.removeprefix("Prompted ").strip()
    found = ImportedConversation(
        SOURCE,
        f"{value.get('time')} {title[:200]}",
        (),
        title=" ".join(prompt.split())[:TITLE_CHARS] or None,
        created_at=at,
        updated_at=at,
    )
    answers = [
        words
        for item in items(value, "safeHtmlItem")
        if isinstance(item, dict) and (words := _plain(str(cast("JsonObject", item).get("html", ""))))
    ]
    named = [text(value, "imageFile"), *items(value, "attachedFiles")]
    files = list(dict.fromkeys(name for name in named if isinstance(name, str)))
    messages: list[ImportedMessage] = []
    if prompt:
        parts: list[Part] = [{"type": "text", "text": prompt}]
        parts += [{"type": "file", "name": name, "provider": SOURCE} for name in files]
        messages.append(
            ImportedMessage("prompt", None, NewMessage("user", parts if files else prompt, occurred_at=at))
        )
    if answers:
        found.notes.converted["answers in HTML, kept as plain text"] += 1
        answer = NewMessage(
            "assistant",
            "\n\n".join(answers),
            metadata=kept(html=[item for item in items(value, "safeHtmlItem") if len(str(item)) < 30_000]),
            occurred_at=at,
        )
        messages.append(ImportedMessage("answer", "prompt" if prompt else None, answer))
    else:
        found.notes.left_out["entries without an answer, such as feedback"] += 1
    found.messages = messages
    return found


def _plain(markup: str) -> str:
    """The words of an answer. Code keeps its indentation, cells of tables stand apart."""
    shown: list[str] = []
    for number, piece in enumerate(_split_code(markup)):
        marked = _CELLS.sub(" | ", _replaced(_ITEMS, "- ", _BREAKS.sub("\n", piece)))
        words = html.unescape(_replaced(_TAGS, "", marked))
        if number % 2 == 0:
            words = "\n".join(line.strip() for line in words.splitlines())
        shown.append(words.strip("\r\n"))
    return "\n".join(shown).strip()


def _split_code(markup: str) -> list[str]:
    """Words and code in turn. Where code begins that never ends it is words; to look for its end once from
    each beginning takes the square of their number."""
    last = max((found.start() for found in _CODE_END.finditer(markup)), default=0)
    begins = markup.rfind(">", 0, last) + 1
    pieces: list[str] = []
    at = 0
    while (code := _CODE.search(markup, at, begins)) and (end := _CODE_END.search(markup, code.end())):
        pieces += [markup[at : code.start()], markup[code.end() : end.start()]]
        at = end.end()
    return [*pieces, markup[at:]]


def _replaced(tags: re.Pattern[str], words: str, markup: str) -> str:
    """Tags replaced. None ends behind the last `>`, and there each `<` would look for it anew."""
    end = markup.rfind(">") + 1
    return tags.sub(words, markup[:end]) + markup[end:]


FORMAT = ImportFormat(
    "Gemini's MyActivity.json of a Takeout", matches, one_each(matches, read, "Gemini among its products")
)
