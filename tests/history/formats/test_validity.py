from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from recollect.history.formats.providers import INCOMING, OUTGOING
from recollect.history.formats.rendered import PROVIDERS, Provider
from recollect.models.message import NewMessage
from tests.history.formats.conversations import CONVERSATIONS
from tests.history.formats.stored import stored
from tests.history.formats.validators import VALIDATORS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_any_conversation_goes_out_as_the_provider_accepts_it(provider: Provider) -> None:
    @settings(max_examples=150)
    @given(CONVERSATIONS)
    def accepted(conversation: list[NewMessage]) -> None:
        messages = stored(conversation)
        rendered = OUTGOING[provider](messages)
        assert VALIDATORS[provider](rendered.messages) == []
        json.dumps([rendered.messages, rendered.system], ensure_ascii=False, allow_nan=False).encode()
        assert all(line.startswith("#") for line in rendered.lost)
        assert OUTGOING[provider](messages) == rendered

    accepted()


@pytest.mark.parametrize("target", PROVIDERS)
@pytest.mark.parametrize("source", PROVIDERS)
def test_a_conversation_wanders_through_two_providers(source: Provider, target: Provider) -> None:
    @settings(max_examples=10)
    @given(CONVERSATIONS)
    def accepted(conversation: list[NewMessage]) -> None:
        there = OUTGOING[source](stored(conversation))
        back = stored(INCOMING[source](there.messages, "messages"))
        assert OUTGOING[source](back, exact=True).messages == there.messages
        assert VALIDATORS[target](OUTGOING[target](back).messages) == []

    accepted()
