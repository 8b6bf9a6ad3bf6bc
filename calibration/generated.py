"""Text that machines write, generated: JSON, logs, tables, identifiers, encodings, emoji.

Each class has a shape for the fit and other shapes for the held-out samples. The same set always
comes out the same: each class is seeded by its own name.
"""

from __future__ import annotations

import base64
import json
import random
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Set = Literal["fit", "held"]
Maker = Callable[[random.Random, list[str], bool], str]

SAMPLES = {"fit": 8, "held": 6}

FIT_EMOJI = "😀😂🥰😎🤔🙌👍🔥✨🎉❤️🚀💡📌✅❌⚠️🐛🍕🌍🏠🎧📷🧠👩‍💻🇫🇷🇯🇵👍🏽🙏🏻🤗🥳🧵🎯☀️⏰🪴🦊🥑🚲🏆🖥️🫶🇪🇸🏃‍♂️💪🏾"
HELD_EMOJI = "😅😊😭🤣😡🤝👏💪⭐🎂💔🛠️🔍📎☑️🚫⚡🐱🍣🗺️🏢🎸🎥🤖👨‍🍳🇩🇪🇧🇷👌🏿🤷‍♀️😉🙂👀💯🌈🍀⚽🎁🧩🦋📅✏️"


def generated(which: Set, words: list[str]) -> dict[str, list[str]]:
    """The samples of each class. words: the vocabulary that fills them."""
    samples: dict[str, list[str]] = {}
    for name, maker in MAKERS.items():
        # Not for secrets: the same samples in every run are the point.
        chance = random.Random(f"{which} {name}")  # noqa: S311
        samples[name] = [maker(chance, words, which == "held") for _ in range(SAMPLES[which])]
    return samples


def _slug(chance: random.Random, words: list[str], least: int = 1, most: int = 3, sep: str = "_") -> str:
    return sep.join(
        re.sub("[^a-z]", "", word.lower()) or "item" for word in _some(chance, words, least, most)
    )


def _some(chance: random.Random, words: list[str], least: int, most: int) -> list[str]:
    return [chance.choice(words) for _ in range(chance.randint(least, most))]


def _sentence(chance: random.Random, words: list[str], most: int = 9) -> str:
    return " ".join(_some(chance, words, 3, most))


def _moment(chance: random.Random) -> datetime:
    start = datetime(2023, 1, 1, tzinfo=UTC)
    return start + timedelta(seconds=chance.randrange(90_000_000), microseconds=chance.randrange(1_000_000))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _value(chance: random.Random, words: list[str], depth: int) -> Any:
    kinds = ["text", "text", "text", "int", "int", "float", "bool", "null", "date", "id", "url"]
    kind = chance.choice([*kinds, "list", "object", "object"] if depth else kinds)
    if kind == "text":
        return _sentence(chance, words, 8)
    if kind == "int":
        return chance.randrange(10 ** chance.randint(1, 6))
    if kind == "float":
        return round(chance.uniform(-180, 1000), chance.randint(1, 6))
    if kind == "bool":
        return chance.random() < 0.5
    if kind == "date":
        return _moment(chance).isoformat(timespec="seconds")
    if kind == "id":
        return _uuid(chance)
    if kind == "url":
        return f"https://{_slug(chance, words, 1, 1)}.example.com/{_slug(chance, words, 1, 3, '/')}"
    if kind == "list":
        return [_value(chance, words, 0) for _ in range(chance.randint(1, 4))]
    if kind == "object":
        return _object(chance, words, depth - 1, 4)
    return None


def _object(chance: random.Random, words: list[str], depth: int, size: int) -> dict[str, Any]:
    sep = chance.choice(["_", "_", ""])
    return {_slug(chance, words, 1, 2, sep): _value(chance, words, depth) for _ in range(size)}


def _record(chance: random.Random, words: list[str], held: bool) -> dict[str, Any]:
    """A record as APIs give them: some fixed fields, some free ones."""
    if held:
        return {
            "uuid": _uuid(chance),
            "displayName": _sentence(chance, words, 4).title(),
            "contactEmail": f"{_slug(chance, words, 2, 2, '.')}@example.org",
            "isActive": chance.random() < 0.5,
            "lastLoginAt": _moment(chance).isoformat(timespec="milliseconds"),
            "score": round(chance.random(), 4),
            "roles": _some(chance, ["admin", "editor", "viewer", "owner"], 1, 3),
            "address": {
                "street": f"{chance.randint(1, 200)} {chance.choice(words).title()} Road",
                "postalCode": str(chance.randint(10000, 99999)),
                "geo": [round(chance.uniform(-90, 90), 5), round(chance.uniform(-180, 180), 5)],
            },
            **_object(chance, words, 1, 2),
        }
    return {
        "id": chance.randint(1, 10**6),
        "name": _sentence(chance, words, 5),
        "created_at": _moment(chance).isoformat(timespec="seconds"),
        "status": chance.choice(["open", "closed", "pending", "failed"]),
        "price": round(chance.uniform(1, 500), 2),
        "tags": _some(chance, words, 0, 4),
        "description": _sentence(chance, words, 18),
        **_object(chance, words, 2, 3),
    }


def _json_compact(chance: random.Random, words: list[str], held: bool) -> str:
    return json.dumps([_record(chance, words, held) for _ in range(3)], separators=(",", ":"))


def _json_spaced(chance: random.Random, words: list[str], held: bool) -> str:
    return "\n".join(json.dumps(_record(chance, words, held)) for _ in range(3))


def _json_indented(chance: random.Random, words: list[str], held: bool) -> str:
    return json.dumps([_record(chance, words, held) for _ in range(3)], indent=chance.choice([2, 4]))


def _json_escaped(chance: random.Random, words: list[str], held: bool) -> str:
    """JSON in a JSON string, as tool calls carry it."""
    inner = json.dumps(_record(chance, words, held))
    return json.dumps(
        {"name": _slug(chance, words), "arguments": inner, "path": f"/{_slug(chance, words)}.py"}
    )


def _log_line(chance: random.Random, words: list[str], held: bool) -> str:
    moment = _moment(chance)
    level = chance.choice(["INFO", "INFO", "DEBUG", "WARNING", "ERROR"])
    address = ".".join(str(chance.randint(1, 254)) for _ in range(4))
    path = "/" + _slug(chance, words, 1, 3, "/")
    if held:
        return chance.choice(
            [
                f"{moment:%b %d %H:%M:%S} web-{chance.randint(1, 9)} {_slug(chance, words, 1, 1)}"
                f"[{chance.randint(300, 32000)}]: {_sentence(chance, words)}",
                f"ts={moment.isoformat()} level={level.lower()} caller={_slug(chance, words)}.go:"
                f'{chance.randint(1, 900)} msg="{_sentence(chance, words)}" '
                f"duration={chance.uniform(0, 90):.3f}ms",
                f'{address} - - "GET {path}?page={chance.randint(1, 99)} HTTP/2" '
                f"{chance.choice([200, 301, 404])} {chance.randint(90, 99999)} rt={chance.random():.3f}",
            ]
        )
    return chance.choice(
        [
            f"{moment:%Y-%m-%d %H:%M:%S},{chance.randint(0, 999):03d} {level} "
            f"[{_slug(chance, words, 2, 2, '.')}] {_sentence(chance, words)}",
            f'{address} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "POST {path} HTTP/1.1" 200 '
            f'{chance.randint(90, 99999)} "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            f"{moment.isoformat()} {level} request_id={_uuid(chance)} "
            f"status={chance.choice([200, 404, 500])} took={chance.randint(1, 4000)}ms path={path}",
            f'  File "/srv/app{path}.py", line {chance.randint(1, 900)}, in {_slug(chance, words)}',
        ]
    )


def _logs(chance: random.Random, words: list[str], held: bool) -> str:
    return "\n".join(_log_line(chance, words, held) for _ in range(12))


def _rows(chance: random.Random, words: list[str], held: bool) -> list[list[str]]:
    rows: list[list[str]] = [[_slug(chance, words) for _ in range(6)]]
    for number in range(12):
        moment = _moment(chance)
        row = [
            str(number + (7000 if held else 1)),
            _sentence(chance, words, 4),
            f"{moment:%Y-%m-%d}" if held else f"{moment:%d.%m.%Y %H:%M}",
            f"{chance.uniform(0, 3000):.2f}",
            chance.choice(["yes", "no", ""]) if held else chance.choice(["EUR", "USD", "PLN"]),
            str(chance.randint(0, 99999)),
        ]
        rows.append(row)
    return rows


def _csv(chance: random.Random, words: list[str], held: bool) -> str:
    return "\n".join((";" if held else ",").join(row) for row in _rows(chance, words, held))


def _table(chance: random.Random, words: list[str], held: bool) -> str:
    """A markdown table, padded to columns or not."""
    rows = _rows(chance, words, held)
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    padded = chance.random() < 0.5
    lines = [
        "| " + " | ".join(c.ljust(w) if padded else c for c, w in zip(r, widths, strict=True)) + " |"
        for r in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) if padded else "---" for width in widths) + "|")
    return "\n".join(lines)


def _listing(chance: random.Random, words: list[str], held: bool) -> str:
    """What terminals show: aligned by runs of spaces."""
    lines: list[str] = []
    for _ in range(14):
        name = _slug(chance, words, 1, 3, "-") + chance.choice([".py", ".txt", ".json", "/", ".tar.gz"])
        size, moment = chance.randint(1, 10 ** chance.randint(2, 7)), _moment(chance)
        if held:
            lines.append(
                f"{size / 1024:>9.1f}K  {moment:%Y-%m-%d %H:%M}  ./{_slug(chance, words, 1, 2, '/')}/{name}"
            )
        else:
            lines.append(f"-rw-r--r-- 1 app  staff {size:>10} {moment:%b %d %H:%M} {name}")
    return "\n".join(lines)


def _numbers(chance: random.Random, _words: list[str], held: bool) -> str:
    if held:
        return "\n".join("\t".join(f"{chance.gauss(0, 50):.3f}" for _ in range(8)) for _ in range(8))
    return chance.choice([", ", " ", "\n"]).join(
        chance.choice([str(chance.randrange(10 ** chance.randint(1, 9))), f"{chance.uniform(0, 1000):.2f}"])
        for _ in range(80)
    )


def _uuids(chance: random.Random, _words: list[str], held: bool) -> str:
    return (", " if held else "\n").join(_uuid(chance) for _ in range(15))


def _hex(chance: random.Random, _words: list[str], held: bool) -> str:
    if held:
        return "\n".join(f"sha256:{chance.randbytes(32).hex()}" for _ in range(8))
    return " ".join(chance.randbytes(chance.choice([4, 16, 20, 32])).hex() for _ in range(20))


def _base64(chance: random.Random, words: list[str], held: bool) -> str:
    """Random bytes, or encoded text: images and documents lie between these."""
    if chance.random() < 0.7:
        return base64.b64encode(chance.randbytes(600)).decode()
    if held:
        return base64.urlsafe_b64encode(chance.randbytes(500)).decode()
    return base64.b64encode("".join(_sentence(chance, words) for _ in range(14)).encode()).decode()


def _urls(chance: random.Random, words: list[str], held: bool) -> str:
    lines: list[str] = []
    for _ in range(12):
        path = _slug(chance, words, 1, 4, chance.choice(["/", "-"]))
        query = f"?{_slug(chance, words, 1, 1)}={chance.randint(1, 9999)}" if chance.random() < 0.5 else ""
        if held:
            host = f"{_slug(chance, words, 1, 1)}-{chance.randint(1, 99)}.example.net"
            query += f"{'&' if query else '?'}utm_source={_slug(chance, words, 1, 1)}#{_slug(chance, words)}"
            lines.append(f"http://{host}:8443/v{chance.randint(1, 3)}/{path}.html{query}")
        else:
            host = f"www.{_slug(chance, words, 1, 2, '-')}.{chance.choice(['com', 'org', 'de', 'io'])}"
            if chance.random() < 0.5:
                host = f"{_slug(chance, words, 1, 1)}{chance.randint(1, 20)}.example.com"
                host += f":{chance.randint(3000, 9999)}"
                query += f"{'&' if query else '?'}{_slug(chance, words, 2, 2)}={_slug(chance, words)}"
                query += f"#{_slug(chance, words, 2, 2)}"
            lines.append(f"https://{host}/{path}{query}")
    return "\n".join(lines)


def _each_emoji(held: bool) -> list[str]:
    """Flags are two characters, and skin tones and joiners belong to what they follow."""
    pattern = "[🇦-🇿]{2}|.[\ufe0f🏻-🏿]*(?:\u200d.[\ufe0f🏻-🏿]*)*"
    return re.findall(pattern, HELD_EMOJI if held else FIT_EMOJI)


def _emoji(chance: random.Random, _words: list[str], held: bool) -> str:
    emoji = _each_emoji(held)
    return chance.choice(["", " "]).join(chance.choice(emoji) for _ in range(60))


def _emoji_in_chat(chance: random.Random, words: list[str], held: bool) -> str:
    emoji = _each_emoji(held)
    return "\n".join(f"{_sentence(chance, words).capitalize()} {chance.choice(emoji)}" for _ in range(14))


def _paths(chance: random.Random, words: list[str], held: bool) -> str:
    """Names as programs have them: paths, camelCase, constants."""
    names: list[str] = []
    for _ in range(20):
        parts = [_slug(chance, words, 1, 1) for _ in range(3)]
        title = "".join(map(str.title, parts))
        shapes = [f"{parts[0]}{title}", title, "_".join(parts).upper(), "_".join(parts)]
        paths = ["/".join([parts[0], parts[1], f"{parts[2].title()}.tsx"]), f"~/{'/'.join(parts)}.md"]
        if held:
            paths = [
                f"src/{parts[0]}/{parts[1].title()}.vue",
                f"/usr/lib/{'/'.join(parts)}.so.{chance.randint(1, 9)}",
            ]
        names.append(chance.choice([*shapes, *paths]))
    return (" " if held else "\n").join(names)


MAKERS: dict[str, Maker] = {
    "json_compact": _json_compact,
    "json_spaced": _json_spaced,
    "json_indented": _json_indented,
    "json_escaped": _json_escaped,
    "logs": _logs,
    "csv": _csv,
    "table": _table,
    "listing": _listing,
    "numbers": _numbers,
    "uuids": _uuids,
    "hex": _hex,
    "base64": _base64,
    "urls": _urls,
    "emoji": _emoji,
    "emoji_in_chat": _emoji_in_chat,
    "names": _paths,
}
