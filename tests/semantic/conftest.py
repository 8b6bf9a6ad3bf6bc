"""A database with pgvector, and a provider of embeddings that tests control."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import pytest

from recollect.settings import Settings
from tests.conftest import run_sql
from tests.db.servers import query, wait_until
from tests.semantic.provider import Provider, serving


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def works_again(provider: Provider) -> Generator[None]:
    yield
    provider.works()


@pytest.fixture(scope="module")
def vector_url(shared_url: str) -> str:
    """The module's database, with pgvector."""
    run_sql(shared_url, "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    return shared_url


@pytest.fixture(scope="module")
def configured(vector_url: str, provider: Provider) -> Settings:
    return settings(vector_url, provider)


def settings(url: str, provider: Provider, **more: object) -> Settings:
    return Settings.model_validate(
        {"database_url": url, "embeddings_url": provider.url, "embeddings_model": "concepts", **more}
    )


def embedded(url: str, user: str, condition: str = "true") -> int:
    """How many vectors of a user there are."""
    return query(url, f"SELECT count(*) FROM recollect.embedding WHERE user_id = '{user}' AND {condition}")[
        0
    ][0]


async def has(url: str, user: str, count: int) -> None:
    """Wait until a user has so many vectors."""
    await asyncio.to_thread(wait_until, lambda: embedded(url, user) == count)
