from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.identity.provider import Provider, serving


@pytest.fixture
def provider() -> Generator[Provider]:
    """An identity provider with one Ed25519 key, as Better Auth has."""
    with serving() as provider:
        provider.add("one")
        yield provider
