"""What is in people's databases has to go out equal with every later renderer.

`fixtures/kept.json` holds the messages that the payloads written by hand became when they were
appended. Never rewrite it for a change of a renderer; add to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recollect.history.formats.providers import OUTGOING
from recollect.history.formats.rendered import Provider
from recollect.models.message import NewMessage
from tests.history.formats.payloads import BY_HAND, IDS, as_payload
from tests.history.formats.stored import stored

KEPT: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(
    Path(__file__).with_name("fixtures").joinpath("kept.json").read_text()
)


@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
def test_what_is_stored_already_goes_out_equal(provider: Provider, name: str, payload: Any) -> None:
    messages = stored([NewMessage(**message) for message in KEPT[provider][name]])
    assert as_payload(provider, OUTGOING[provider](messages, exact=True), payload) == payload
