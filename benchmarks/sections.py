"""Sections of documents that runs write: what stands between `<!-- begin X -->` and `<!-- end X -->`."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def write_section(document: Path, name: str, text: str) -> None:
    """Put `text` in the place of the section; the markers have to be there."""
    page, count = _section(name).subn(
        lambda found: f"{found[1]}{text}\n{found[3]}", document.read_text(encoding="utf-8")
    )
    if count != 1:
        raise SystemExit(
            f"{document.name} needs one line <!-- begin {name} --> and after it <!-- end {name} -->"
        )
    document.write_text(page, encoding="utf-8")


def read_section(document: Path, name: str) -> str:
    """The section with its markers; empty where there is none."""
    found = _section(name).search(document.read_text(encoding="utf-8"))
    return found[0] if found else ""


def _section(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- begin {name} -->\n)(.*?)(<!-- end {name} -->)", re.DOTALL)
