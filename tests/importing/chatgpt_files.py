"""Exports of ChatGPT's shape, made for a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def conversation(id: str, texts: Sequence[str], *, head: int | None = None, **fields: Any) -> dict[str, Any]:
    """A conversation of user's and assistant's texts in turn, each under the one before."""
    nodes: dict[str, Any] = {}
    for number, text in enumerate(texts):
        nodes[f"{id}-{number}"] = node(
            f"{id}-{number}", f"{id}-{number - 1}" if number else None, text, number
        )
    last = len(texts) - 1 if head is None else head
    return {
        "title": f"Conversation {id}",
        "create_time": 1_760_000_000,
        "update_time": 1_760_000_000 + len(texts),
        "conversation_id": id,
        "current_node": f"{id}-{last}",
        "mapping": nodes,
        **fields,
    }


def node(id: str, parent: str | None, text: str, number: int = 0) -> dict[str, Any]:
    message = {
        "id": id,
        "author": {"role": "assistant" if number % 2 else "user"},
        "create_time": 1_760_000_000 + number,
        "content": {"content_type": "text", "parts": [text]},
        "metadata": {"model_slug": "gpt-5"} if number % 2 else {},
    }
    return {"id": id, "parent": parent, "children": [], "message": message}


def write(path: Path, *conversations: dict[str, Any]) -> Path:
    path.write_text(json.dumps(list(conversations)), encoding="utf-8")
    return path
