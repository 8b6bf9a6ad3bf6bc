"""The corpus: text written for it, by class, and text generated for it. Fit and held-out are apart."""

from __future__ import annotations

import re
from pathlib import Path

from calibration.generated import Set, generated

FOLDER = Path(__file__).parent / "corpus"

SAMPLE_BYTES = {"fit": 1000, "held": 700}
"""Paragraphs, or lines of code, are put together to samples of at least this length in UTF-8. The
shorter the sample, the larger its error: single words differ more than texts do."""


def samples(which: Set) -> dict[str, list[str]]:
    """Samples by class, such as {"prose.german": [...], "json_compact": [...]}."""
    found: dict[str, list[str]] = {}
    vocabulary: list[str] = []
    for kind in ("prose", "code"):
        for name, text in _sections(kind, which).items():
            found[f"{kind}.{name}"] = _samples(text, "\n\n" if kind == "prose" else "\n", SAMPLE_BYTES[which])
            if name in ("english", "python", "typescript"):
                vocabulary += re.findall("[A-Za-z]{2,}", text)
    found.update(generated(which, sorted(set(vocabulary))))
    return found


def _sections(kind: str, which: Set) -> dict[str, str]:
    text = (FOLDER / f"{kind}.{which}.txt").read_text(encoding="utf-8")
    sections = re.split(r"^=== (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], (body.strip("\n") for body in sections[1::2]), strict=True))


def _samples(text: str, between: str, least: int) -> list[str]:
    """Whole paragraphs or lines, put together until a sample has at least so many bytes."""
    pieces: list[str] = []
    held = ""
    for piece in text.split(between):
        held = f"{held}{between}{piece}" if held else piece
        if len(held.encode()) >= least:
            pieces.append(held)
            held = ""
    if held and pieces and len(held.encode()) < least // 2:
        pieces[-1] += between + held
    elif held:
        pieces.append(held)
    return pieces
