"""One database and one store for all examples of a module."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Generator

import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.settings import Settings
from tests.conftest import on_database, run_sql


@pytest.fixture(scope="module")
def shared_url(cluster: str, template: str) -> Generator[str]:
    name = f"shared_{uuid.uuid4().hex[:12]}"
    run_sql(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield on_database(cluster, name)
    run_sql(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def shared_store(shared_url: str) -> AsyncGenerator[Recollect]:
    async with Recollect.open(Settings.model_validate({"database_url": shared_url})) as store:
        yield store


@pytest.fixture(scope="module")
def alice(shared_store: Recollect) -> History:
    return shared_store.for_user("alice")
