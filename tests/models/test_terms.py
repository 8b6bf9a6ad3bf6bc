"""Texts that were made to cost the index much: what is asked of Unicode's tables, and what is remembered."""

from __future__ import annotations

import re
import tracemalloc
import unicodedata
from typing import Literal

import pytest

from recollect.models.terms import fold, terms_of

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0301\uff9e", "\u0483\u0301\u0316"])
def test_thousands_of_marks_on_one_letter_are_put_into_order_a_few_at_a_time(
    marks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    normalize = unicodedata.normalize

    def counted(form: Form, text: str) -> str:
        nonlocal most
        runs = re.findall("[\u0300-\u036f\u0483\uff9e\u3099]+", text)
        most = max(most, *map(len, runs), 0)
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", counted)
    terms_of(f"Z\u00fcrich a{marks * 5_000} Cafe\u0301", None)
    assert most <= 1_000


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301" * 2_000,
        "각" * 2_000,
        "ｶ\uff9e" * 2_000,
        "é─" * 2_000 + "─" * 500,
        "q\u0323\u0307 \u0301" * 2_000,
    ],
)
def test_long_texts_are_folded_like_short_ones(text: str) -> None:
    assert fold(text) == "".join(map(fold, re.findall(r"[\s\S]{1,10}", text)))


def test_no_long_word_is_remembered() -> None:
    fold("warm é")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20):
            fold(f"{number}é" * 25_000)
        assert tracemalloc.get_traced_memory()[0] - before < 1_000_000
    finally:
        tracemalloc.stop()
