from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from recollect.history.formats.providers import INCOMING, OUTGOING
from recollect.history.formats.rendered import PROVIDERS, Provider
from tests.history.formats.payloads import BY_HAND, IDS, PUBLISHED, as_payload
from tests.history.formats.stored import stored


def same(found: Any, given: Any) -> None:
    """Equal as JSON is: True is not 1, and 1 is not 1.0."""
    assert json.dumps(found, sort_keys=True) == json.dumps(given, sort_keys=True)


@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
def test_what_came_in_goes_out_equal(provider: Provider, name: str, payload: Any) -> None:
    given = json.loads(json.dumps(payload))
    messages = stored(INCOMING[provider](payload, "messages"))
    same(as_payload(provider, OUTGOING[provider](messages, exact=True), given), given)
    same(payload, given)  # what the caller holds is left alone


@pytest.mark.parametrize("provider", PROVIDERS)
def test_whatever_the_published_types_allow_goes_out_equal(provider: Provider) -> None:
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(PUBLISHED[provider])
    def round_trip(payload: Any) -> None:
        messages = stored(INCOMING[provider](payload, "messages"))
        same(as_payload(provider, OUTGOING[provider](messages, exact=True), payload), payload)

    round_trip()
