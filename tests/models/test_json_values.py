from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.models import json_values
from recollect.models.json_values import MAX_VALUES, too_many_values

FEW = 5


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "MAX_VALUES", FEW)


def count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(count, cast("dict[str, Any]", value).values()))
    return 1 + sum(map(count, cast("list[Any]", value))) if isinstance(value, list) else 1


@pytest.mark.usefixtures("few")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text('ab,[{"\\\n'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('ab,[{"\\'), inner),
    )
)
def test_values_are_counted_and_what_stands_in_strings_is_not(value: object) -> None:
    text = json.dumps(value, indent=1).encode()
    if count(value) > FEW:
        assert too_many_values(text)
    elif "[]" not in text.decode() and "{}" not in text.decode():  # which count for two
        assert not too_many_values(text)


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"\\", b'"\\'], ids=str)
def test_strings_without_an_end_are_looked_at_once(piece: bytes) -> None:
    """In time that grows with the text alone: any more would not come to an end here."""
    assert not too_many_values(b'"' + piece * (4 * MAX_VALUES) + b"," * (MAX_VALUES // 2))
    assert too_many_values(b"[" * (MAX_VALUES + 1) + b'"' + piece * (4 * MAX_VALUES))
