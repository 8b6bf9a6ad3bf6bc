"""Receipts name the version of the renderer: whoever changes what windows show has to raise it."""

from __future__ import annotations

import random

from recollect.history.formats import FORMATS
from tests.history.test_anchors import dialogue, window_of

RECEIPTS = [
    "w6.e4.text.3000.110-126.0.ddd016.ff4054a9ce1509ca",
    "w6.e4.openai.3000.111-126.0.ddd016.c945e398af2c7465",
    "w6.e4.openai_responses.3000.111-126.0.ddd016.885e595401d75def",
    "w6.e4.anthropic.3000.110-126.0.ddd016.fc9e5ac4cffb54ea",
    "w6.e4.gemini.3000.110-126.0.ddd016.3f01b94896c7587b",
    "w6.e4.vercel.3000.111-126.0.ddd016.6045f3ae0054e9e3",
]
"""Of one conversation, in every format. If they differ, raise `RENDERER` in recollect/history/receipt.py
(or `ESTIMATOR`, if it was that) and write the new ones down: a receipt of the version before then
says that it is one, and not that the conversation was changed."""


def test_a_renderer_that_shows_other_bytes_has_another_version() -> None:
    said = dialogue(random.Random(3), 120)
    assert [window_of(said, 3_000, format).receipt for format in FORMATS] == RECEIPTS
