"""The content of one message of ChatGPT's export, by its `content_type`, as parts."""

from __future__ import annotations

from typing import cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.values import items, kept, obj, text
from recollect.models.imported import Notes
from recollect.models.message import Part

POINTERS = {
    "image_asset_pointer": "image",
    "audio_asset_pointer": "audio",
    "video_container_asset_pointer": "file",
}


WORDED = {
    "execution_output": (),
    "model_editable_context": (),
    "system_error": (),
    "tether_browsing_display": ("summary", "assets"),
    "tether_quote": ("url", "domain", "title"),
}
"""Types whose content is words, and what else it says."""


def content_parts(content: JsonObject, kind: str, notes: Notes) -> list[Part]:
    """The parts of a message; none where nothing was said."""
    if kind in ("text", "multimodal_text"):
        return [part for piece in items(content, "parts") if (part := _piece(piece, notes)) is not None]
    if kind == "code":
        language = text(content, "language")
        words = text(content, "text")
        named = {"language": language} if language and language != "unknown" else {}
        return [{"type": "text", "text": words, **named}] if words else []
    if kind == "thoughts":
        return _thoughts(content)
    if kind == "reasoning_recap":
        return [{"type": "reasoning", "text": recap}] if (recap := text(content, "content")) else []
    words = _words(content, kind)
    if words is None and not kept(
        **{name: value for name, value in content.items() if name != "content_type"}
    ):
        return []
    if kind in WORDED:
        more = {name: content.get(name) for name in WORDED[kind]}
        return [] if words is None else [{"type": "text", "text": words, **kept(**more)}]
    notes.converted[f"content of the type {kind[:60]!r}, kept as text and as it was"] += 1
    exact: Part = {"type": "other", "format": "chatgpt", "value": content}
    return [exact] if words is None else [{"type": "text", "text": words}, exact]


def _piece(piece: object, notes: Notes) -> Part | None:
    if isinstance(piece, str):
        return {"type": "text", "text": piece} if piece else None
    if not isinstance(piece, dict):
        if piece is not None:
            notes.fail(f"a part of a message that is neither text nor an object: {str(piece)[:40]}")
        return None
    value = cast("JsonObject", piece)
    kind = text(value, "content_type") or text(value, "type") or ""
    if kind == "audio_transcription":
        words = text(value, "text")
        rest = kept(direction=value.get("direction"), transcription=True)
        return {"type": "text", "text": words, **rest} if words else None
    if kind == "real_time_user_audio_video_asset_pointer":
        audio, video = obj(value, "audio_asset_pointer"), text(value, "video_container_asset_pointer")
        frames = kept(frames=value.get("frames_asset_pointers"))
        if text(audio, "asset_pointer"):
            value, kind = audio | kept(video=video) | frames, "audio_asset_pointer"
        elif video:
            value, kind = {"asset_pointer": video} | frames, "video_container_asset_pointer"
    pointer = text(value, "asset_pointer")
    if kind in POINTERS and pointer:
        notes.converted["images, audio and files, kept as references to the export's files"] += 1
        rest = {name: field for name, field in value.items() if name not in ("content_type", "asset_pointer")}
        rest = {f"asset_{name}" if name == "type" else name: field for name, field in rest.items()}
        return {"type": POINTERS[kind], "file_id": pointer, "provider": "chatgpt", **kept(**rest)}
    notes.converted[f"content of the type {kind[:60]!r}, kept as it was"] += 1
    return {"type": "other", "format": "chatgpt", "value": value}


def _thoughts(content: JsonObject) -> list[Part]:
    parts: list[Part] = []
    for thought in items(content, "thoughts"):
        if isinstance(thought, dict):
            value = cast("JsonObject", thought)
            words = "\n".join(filter(None, [text(value, "summary"), text(value, "content")]))
            if words:
                parts.append({"type": "reasoning", "text": words})
    return parts


def _words(content: JsonObject, kind: str) -> str | None:
    """What a person reads of content that has no parts."""
    if kind == "system_error":
        return ": ".join(filter(None, [text(content, "name"), text(content, "text")])) or None
    if kind == "model_editable_context":
        return text(content, "model_set_context")
    if kind == "tether_quote":
        return "\n".join(filter(None, [text(content, name) for name in ("title", "url", "text")])) or None
    return text(content, "text", "result", "content", "summary")
