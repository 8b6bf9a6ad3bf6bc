"""Images, audio and files: where their bytes are, as each provider can say it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import cast

from recollect.history.formats.rendered import Said
from recollect.models.message import Part
from recollect.models.parts import readable

USUAL_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What OpenAI and Anthropic take."""

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/=_-]*)", re.ASCII)

_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)

_MEDIA_TYPES = {
    "aac": "audio/aac",
    "csv": "text/csv",
    "flac": "audio/flac",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}
"""By the end of a name. Python's own table is read from the machine, and so not the same everywhere."""

UNKNOWN = "application/octet-stream"

_BY_DEFAULT = {"image": "image/jpeg", "audio": "audio/wav"}


def located(url: str) -> Part:
    """The fields of a part for a URL; a data: URL becomes its bytes."""
    found = _DATA_URL.fullmatch(url)
    return {"url": url} if found is None else {"data": found[2], "media_type": found[1]}


def kind(media_type: object) -> str:
    """The type of the part that holds such bytes: image, audio or file."""
    first = media_type.partition("/")[0] if isinstance(media_type, str) else ""
    return first if first in ("image", "audio") else "file"


def data(part: Part) -> str | None:
    """The bytes of a part in base64."""
    words = _word(part, "text") if part["type"] == "file" else None
    return _word(part, "data") if words is None else base64.b64encode(readable(words).encode()).decode()


def text(part: Part) -> str | None:
    """The words of a file that holds plain text."""
    words, encoded = _word(part, "text"), _word(part, "data")
    if words is not None or encoded is None or not media_type(part).startswith("text/"):
        return words
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return None


def fit(said: Sequence[Said], images: Sequence[str], lost: list[str]) -> None:
    """Put words in place of images whose bytes are of a type that the provider refuses, as it then does with
    the whole request; also within results."""
    for message in said:
        message.parts[:] = [_fitting(message, part, images, lost) for part in message.parts]


def _fitting(said: Said, part: Part, images: Sequence[str], lost: list[str]) -> Part:
    if part["type"] == "tool_result" and isinstance(part["content"], list):
        inside = cast("list[Part]", part["content"])
        return {**part, "content": [_fitting(said, piece, images, lost) for piece in inside]}
    if part["type"] != "image" or _word(part, "data") is None:
        return part
    held = media_type(part).lower()
    if held == "image/jpg":  # which is no type, and still often written
        return {**part, "media_type": "image/jpeg"}
    if held in images:
        return part
    said.lose(
        lost, f"an image of the type {held}" if _TYPE.fullmatch(held) else "an image of an unknown type"
    )
    native = {"native": part["native"]} if "native" in part else {}
    return {"type": "text", "text": "(image part, not shown)", **native}


def link(part: Part) -> str | None:
    """The URL of a part that has no bytes of its own, where everybody can open it."""
    url = _word(part, "url")
    return url if url and url.startswith(("https://", "http://")) else None


def data_url(part: Part) -> str | None:
    """The bytes of a part as a data: URL."""
    found = data(part)
    return None if found is None else f"data:{media_type(part)};base64,{found}"


def held(part: Part, *providers: str) -> str | None:
    """The id of an upload, if one of these providers holds it."""
    return _word(part, "file_id") if part.get("provider") in providers else None


def media_type(part: Part) -> str:
    """The media type: as given, else by the name, else the usual one of its kind."""
    given = _word(part, "media_type")
    if given:
        return given
    for field in ("name", "url"):
        end = (_word(part, field) or "").partition("?")[0].rpartition(".")[2].lower()
        if end in _MEDIA_TYPES:
            return _MEDIA_TYPES[end]
    return _BY_DEFAULT.get(part["type"], UNKNOWN)


def name(part: Part) -> str | None:
    return _word(part, "name") or _word(part, "filename")


def _word(part: Part, field: str) -> str | None:
    found = part.get(field)
    return found if isinstance(found, str) else None
