"""A real PostgreSQL for every test: one server a session, and a fresh database a test, cloned
from a template that was migrated once. The server is Recollect's own embedded one, or the one
that RECOLLECT_TEST_DATABASE_URL names (a superuser there).
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest

from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.settings import Settings
from tests.citus import distributed_database, nodes
from tests.folders import server_folder

# A shell that runs the tests in the background has them ignore Ctrl-C, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about what is tested.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

EMPTY = "template1"


SLOW = ("tests/faults/", "tests/clients/", "tests/conformance/", "tests/serving/", "tests/api/test_fuzz.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long goes first: the file that begins last has a process to itself."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_machine() -> Generator[None]:
    """Tests see no configuration of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
            if not name.startswith("RECOLLECT_TEST_"):
                patch.delenv(name)
        patch.setenv("RECOLLECT_CONFIG", os.devnull)
        yield


@pytest.fixture(scope="session")
def cluster() -> Generator[str]:
    """The URL of a superuser on a running server."""
    given = os.environ.get("RECOLLECT_TEST_DATABASE_URL")
    if given is not None:
        yield given
        return
    with server_folder() as folder:
        folder.chmod(0o711)  # root's tests run PgBouncer under the server's account
        server = EmbeddedPostgres(folder / "home", grace_seconds=1)
        try:
            url = server.ensure()
            run_sql(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            yield url
        finally:
            server.release()
            stop(folder / "home")


def on_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def run_sql(url: str, *statements: str) -> None:
    """Run statements, each on its own, as the URL's role."""

    async def run() -> None:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@contextmanager
def cloned_database(cluster: str, template: str) -> Generator[str]:
    """The URL of a database made from a template, gone afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    if nodes(cluster):
        with distributed_database(cluster, name, migrated=template != EMPTY) as url:
            yield url
        return
    run_sql(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield on_database(cluster, name)
    finally:
        run_sql(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template(cluster: str) -> Generator[str]:
    """The name of a migrated database that no test connects to."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    if nodes(cluster):  # where none can be cloned
        yield name
        return
    run_sql(cluster, f"CREATE DATABASE {name}")
    migrate(parse_url(on_database(cluster, name)))
    # A pooler in between keeps its connection, and what somebody is connected to cannot be cloned.
    run_sql(cluster, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
    yield name
    run_sql(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(cluster: str, template: str) -> Generator[str]:
    """A fresh migrated database."""
    with cloned_database(cluster, template) as url:
        yield url


@pytest.fixture
def empty_database_url(cluster: str) -> Generator[str]:
    """A fresh database without our schema."""
    with cloned_database(cluster, EMPTY) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings.model_validate({"database_url": database_url})


@pytest.fixture
async def store(settings: Settings) -> AsyncGenerator[Recollect]:
    async with Recollect.open(settings) as opened:
        yield opened


@pytest.fixture
def history(store: Recollect) -> History:
    """Alice's history. The other user of these tests is Bob."""
    return store.for_user("alice")


@pytest.fixture(scope="module")
def shared_url(cluster: str, template: str) -> Generator[str]:
    """One migrated database for all tests or examples of a module, as a superuser: who could bypass
    everything."""
    with cloned_database(cluster, template) as url:
        yield url


@pytest.fixture(scope="module")
async def shared_store(shared_url: str) -> AsyncGenerator[Recollect]:
    async with Recollect.open(Settings.model_validate({"database_url": shared_url})) as store:
        yield store


@pytest.fixture(scope="module")
def alice(shared_store: Recollect) -> History:
    return shared_store.for_user("alice")
