"""Whoever begins at the README finds every page, and no link on the way leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def words_of(page: Path) -> str:
    return re.sub(r"^(`{3,}).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def links_of(page: Path) -> list[tuple[Path, str]]:
    """The files of this repository that a page leads to, each with the section (or "")."""
    found = re.findall(r"\]\(([^)\s]+)\)", words_of(page))
    local = [link.partition("#") for link in found if "://" not in link]
    return [((page.parent / path if path else page).resolve(), section) for path, _, section in local]


def sections_of(page: Path) -> set[str]:
    """The sections of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", words_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_something_that_is_there() -> None:
    for page in PAGES:
        for target, section in links_of(page):
            assert target.exists(), f"{page.name} leads to {target}"
            assert not section or section in sections_of(target), f"{page.name} leads to {target}#{section}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            ahead += [target for target, _ in links_of(page) if target.suffix == ".md"]
    assert set((ROOT / "docs").glob("*.md")) <= reached
