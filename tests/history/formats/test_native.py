from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from recollect.history.formats.native import recalled, remembered
from recollect.history.formats.rendered import JsonObject, Said

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.0, "", "a/b", "~1"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "", "~", "b/c", "0"]), inner)
    ),
    max_leaves=8,
)
LISTS = st.lists(st.dictionaries(st.sampled_from(["a", "", "~1", "b/c", "0"]), VALUES), max_size=3)


@example([{"a": 1, "b": 0.0, "c": [True]}], [{"a": True, "b": 0, "c": [1.0]}])
@given(LISTS, LISTS)
def test_whatever_a_renderer_writes_the_original_comes_back(
    ours: list[JsonObject], theirs: list[JsonObject]
) -> None:
    def render(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
        return json.loads(json.dumps(ours))

    message = remembered(Said("user", [{"type": "text", "text": "a"}]), theirs, "openai", render, ("only",))
    parts = (
        message.content if isinstance(message.content, list) else [{"type": "text", "text": message.content}]
    )
    found = recalled(Said("user", json.loads(json.dumps(parts))), "openai", render, ("only",), [])
    assert json.dumps(found, sort_keys=True) == json.dumps(theirs, sort_keys=True)  # True is not 1
