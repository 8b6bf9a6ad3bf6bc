"""One self-contained HTML file: no scripts, nothing from elsewhere, every stored word escaped. What a
browser may load is forbidden by the page itself as well."""

from __future__ import annotations

import base64
import binascii
from html import escape

from recollect.db.exports import Exported, StoredMessage
from recollect.history.exporting import shown
from recollect.history.formats import media
from recollect.models.conversation import Summary
from recollect.models.message import Message, Part
from recollect.models.parts import part_text, readable

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Images that a browser only paints. An SVG is a document with scripts."""

_HEAD = """<!doctype html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conversations</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 3px solid; margin-top: 3rem; }
section { margin: 1.5rem 0; padding-left: 1rem; border-left: 3px solid #8888; }
section.user { border-color: #3b82f6; }
section.assistant { border-color: #10b981; }
section.aside { opacity: .6; }
h2 { font-size: 1.4rem; }
h3 { font-size: .85rem; font-weight: 600; margin: 0 0 .25rem; }
p.about, summary { font-size: .85rem; opacity: .75; }
div.text, pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0; }
pre { font: 13px/1.45 ui-monospace, monospace; }
img { max-width: 100%; }
</style>
</head>
<body>
<main>
"""


class HtmlPage:
    def __init__(self) -> None:
        self._marks: shown.Marks | None = None

    def begin(self) -> str:
        return _HEAD

    def conversation(self, exported: Exported) -> str:
        self._marks = shown.Marks(exported)
        found = exported.conversation
        about = f"{found.id}: {shown.about(exported)}"
        instructions = _folded("Instructions", found.instructions) if found.instructions else ""
        return (
            f'<article>\n<h2 dir="auto">{_text(shown.title_of(exported))}</h2>\n'
            f'<p class="about">{_text(about)}</p>\n{instructions}'
        )

    def message(self, stored: StoredMessage) -> str:
        message = stored.message
        aside = self._marks is not None and self._marks.aside(message.seq)
        after = "" if message.parent_seq == message.seq - 1 else f", follows #{message.parent_seq}"
        branch = ", another branch" if aside else ""
        heading = f"#{message.seq} {shown.who(message)}, {shown.said_at(message)}{after}{branch}"
        classes = f"{message.role} aside" if aside else message.role
        return f'<section class="{classes}">\n<h3>{_text(heading)}</h3>\n{_body(message)}</section>\n'

    def summary(self, summary: Summary) -> str:
        return _folded(f"Summary up to #{summary.upto_seq}", summary.content)

    def close(self) -> str:
        return "</article>\n"

    def end(self) -> str:
        return "</main>\n</body>\n</html>\n"


def _text(text: str) -> str:
    return escape(readable(text), quote=True)


def _said(text: str) -> str:
    return f'<div class="text" dir="auto">{_text(text)}</div>\n'


def _folded(heading: str, text: str) -> str:
    return f"<details><summary>{_text(heading)}</summary><pre>{_text(text)}</pre></details>\n"


def _body(message: Message) -> str:
    if message.stored_parts is None:
        return _said(message.text)
    return "".join(map(_part, message.parts))


def _part(part: Part) -> str:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return _said(part_text(part))
    if kind == "reasoning":
        words = part.get("text")
        return _folded("Reasoning", words if isinstance(words, str) else "(not shown)")
    if kind == "tool_call":
        return _folded(f"Call of {part['name']}", shown.arguments(part))
    if kind == "tool_result":
        return _folded("Result (failed)" if part.get("is_error") else "Result", part_text(part))
    if kind == "image" and (picture := _picture(part)) is not None:
        return picture
    if (held := shown.held(part)) is not None:
        return _folded(shown.label(part), held)
    return f'<p class="about">({_text(shown.label(part))})</p>\n'


def _picture(part: Part) -> str | None:
    """An image whose bytes are in the part; base64 that is anything else is not written."""
    data, kind = media.data(part), media.media_type(part)
    if data is None or kind not in IMAGES:
        return None
    try:
        exact = base64.b64encode(base64.b64decode(data, validate=True)).decode()
    except (binascii.Error, ValueError):
        return None
    return f'<p><img alt="{_text(shown.label(part))}" src="data:{kind};base64,{exact}"></p>\n'
