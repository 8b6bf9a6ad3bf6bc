"""Embeddings from the command line: what makes them possible, makes them, and says how it is with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from recollect.db.embedded import stop
from tests.cli.conftest import Ran
from tests.conftest import run_sql
from tests.db.servers import query
from tests.semantic.provider import Provider, serving

Run = Callable[..., Ran]


@pytest.fixture
def provider() -> Generator[Provider]:
    with serving() as running:
        yield running


@pytest.fixture
def configured(provider: Provider, database_url: str) -> dict[str, str]:
    """A database with three messages, without pgvector."""
    run_sql(
        database_url,
        "INSERT INTO recollect.conversation (user_id, id) VALUES ('local', 'c'), ('other', 'c')",
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "SELECT u, 'c', n, n - 1, 1, 'user', 'The automobile is broken.' "
        "FROM unnest(ARRAY['local', 'other']) AS u, generate_series(1, 3) AS n",
    )
    return {"database_url": database_url, "embeddings_url": provider.url, "embeddings_model": "concepts"}


def checks(ran: Ran) -> dict[str, tuple[str, str, str | None]]:
    found = json.loads(ran.out)["checks"]
    return {check["name"]: (check["status"], check["says"], check["fix"]) for check in found}


def test_from_configured_to_embedded(recollect: Run, configured: dict[str, str], provider: Provider) -> None:
    before = recollect("doctor", "--json", **configured)
    assert before.code == 0
    found = checks(before)
    assert found["embeddings"] == ("ok", f"concepts at {provider.url[7:-3]}, 64 numbers", None)
    status, says, fix = found["pgvector"]
    assert (status, fix) == ("warning", "recollect migrate")
    assert "by words" in says
    refused = recollect("embed", **configured)
    assert refused.code == 1
    assert "lacks pgvector" in refused.err
    migrated = recollect("migrate", **configured)
    assert migrated.code == 0
    assert migrated.out.splitlines()[3].startswith("pgvector  0.")
    missing = checks(recollect("doctor", "--json", **configured))["embedded"]
    assert missing == (
        "ok",
        "3 messages of 'local' lack an embedding until that user comes back",
        "recollect embed",
    )
    assert json.loads(recollect("embed", "--json", **configured).out) == {"embedded": 3}
    assert recollect("embed", **configured).out == "Embedded 0 messages.\n"
    assert checks(recollect("doctor", "--json", **configured))["embedded"][1] == "all messages of 'local'"
    found_by = query(configured["database_url"], "SELECT DISTINCT user_id FROM recollect.embedding")
    assert [row[0] for row in found_by] == ["local"]
    assert "automobile" in recollect("search", "vehicle", **configured).out


def test_a_provider_that_fails_is_named(
    recollect: Run, configured: dict[str, str], provider: Provider
) -> None:
    recollect("migrate", **configured)
    provider.answer = lambda body: (401, b"automobile")
    ran = recollect("doctor", "--json", **configured)
    assert ran.code == 0  # everything else works
    status, says, _ = checks(ran)["embeddings"]
    assert status == "warning"
    assert says.endswith("does not do its part: it answered 401")
    failed = recollect("embed", **configured)
    assert failed.code == 1
    assert "it answered 401" in failed.err
    assert "automobile" not in failed.err


def test_nothing_of_it_is_said_where_it_is_not_configured(recollect: Run, database_url: str) -> None:
    assert not {"embeddings", "pgvector", "embedded"} & set(
        checks(recollect("doctor", "--json", database_url=database_url))
    )
    assert recollect("embed", database_url=database_url).code == 1


def test_the_embedded_database_gets_pgvector_by_itself(
    recollect: Run, provider: Provider, tmp_path: Path
) -> None:
    settings = {
        "home": str(tmp_path / "home"),
        "embeddings_url": provider.url,
        "embeddings_model": "concepts",
    }
    try:
        assert recollect("embed", **settings).out == "Embedded 0 messages.\n"
        assert checks(recollect("doctor", "--json", **settings))["pgvector"][0] == "ok"
    finally:
        stop(tmp_path / "home")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"embeddings_url": "http://localhost/v1"}, "needs RECOLLECT_EMBEDDINGS_MODEL"),
        ({"embeddings_url": "localhost:11434", "embeddings_model": "m"}, "RECOLLECT_EMBEDDINGS_URL: must be"),
        (
            {"embeddings_url": "http://user:pw@localhost/v1", "embeddings_model": "m"},
            "the key has its own setting",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(recollect: Run, wrong: dict[str, str], said: str) -> None:
    ran = recollect("embed", **wrong)
    assert ran.code == 2
    assert said in ran.err
    assert "pw@" not in ran.err
