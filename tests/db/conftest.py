"""Servers and databases for tests of the schema itself, where roles are made and spoiled."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.conftest import on_database, run_sql
from tests.db.servers import MISSING_OLDEST, OLDEST, newest_server, oldest_server, query


@pytest.fixture(scope="session")
def newest() -> Generator[str]:
    with newest_server() as url:
        yield url


@pytest.fixture(scope="session")
def oldest() -> Generator[str]:
    if not OLDEST.exists():
        pytest.skip(MISSING_OLDEST)
    with oldest_server() as url:
        yield url


@pytest.fixture(params=["oldest", "newest"])
def server(request: pytest.FixtureRequest) -> Generator[str]:
    """A superuser's URL on the oldest or the newest PostgreSQL at hand; afterwards without
    databases and roles of the test."""
    url: str = request.getfixturevalue(request.param)
    with cleaned(url):
        yield url


@pytest.fixture
def newest_only(newest: str) -> Generator[str]:
    """As `server`, for what does not depend on the version."""
    with cleaned(newest):
        yield newest


@pytest.fixture
def oldest_only(oldest: str) -> Generator[str]:
    """As `server`, for what only the oldest version does."""
    with cleaned(oldest):
        yield oldest


@contextmanager
def cleaned(url: str) -> Generator[None]:
    databases = {row[0] for row in query(url, "SELECT datname FROM pg_database")}
    roles = {row[0] for row in query(url, "SELECT rolname FROM pg_roles")}
    try:
        yield
    finally:
        for row in query(url, "SELECT datname FROM pg_database"):
            if row[0] not in databases:
                run_sql(url, f'DROP DATABASE "{row[0]}" WITH (FORCE)')
        for row in query(url, "SELECT rolname FROM pg_roles ORDER BY oid DESC"):
            if row[0] not in roles:
                run_sql(url, f'DROP OWNED BY "{row[0]}"', f'DROP ROLE "{row[0]}"')


def new_database(server: str, owner: str | None = None) -> str:
    """The URL, as the server's superuser, of a new database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    run_sql(server, f"CREATE DATABASE {name}" + (f' OWNER "{owner}"' if owner else ""))
    return on_database(server, name)
