"""The transcript in the documentation is what the commands say."""

from __future__ import annotations

from scripts.transcript import DOCUMENT, document, transcript


def test_the_transcript_is_what_the_commands_say(database_url: str) -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert document(written, transcript(database_url)) == written
