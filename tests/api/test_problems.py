"""The types of problems, which programs branch on. They change only on purpose."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from recollect.api.app import create_api
from recollect.api.problems import DEFECT, HTTP_KINDS, KINDS, kind_of
from recollect.history.history import History
from recollect.identity.caller import Caller
from recollect.models import errors
from recollect.models.errors import InvalidSetting, NotReady, OutcomeUnknown, RecollectError, Unavailable
from tests.api.conftest import Server, Tokens, listening, problem
from tests.api.surface import never

SNAPSHOT = Path(__file__).parent / "problems.json"
UPDATE = "RECOLLECT_TEST_UPDATE_SNAPSHOTS"
SECRET = "postgresql://u:s3cret@host/db"


def test_the_problems_are_those_in_the_snapshot() -> None:
    kinds = {*KINDS.values(), *HTTP_KINDS.values(), DEFECT}
    listed = [kind._asdict() for kind in sorted(kinds, key=lambda kind: (kind.status, kind.name))]
    text = json.dumps(listed, indent=2) + "\n"
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert text == SNAPSHOT.read_text(encoding="utf-8"), f"changed on purpose? Set {UPDATE}=1 and rerun"


def test_every_problem_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
    for kind in (*KINDS.values(), *HTTP_KINDS.values(), DEFECT):
        assert f"| `{kind.name}` | {kind.status} |" in text, kind.name


def test_every_error_is_a_problem_of_its_own() -> None:
    classes = [
        one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, RecollectError)
    ]
    assert len({kind_of(one).name for one in classes}) == len(classes)


class Broken(Server):
    """A server whose store fails with what it is told."""

    error: Exception = RuntimeError()


@pytest.fixture(scope="module")
async def broken() -> AsyncGenerator[Broken]:
    tokens = Tokens()

    async def reach(user_id: str) -> History:
        raise server.error

    async with listening(create_api(reach, tokens, never)) as port:
        server = Broken(port, tokens)
        yield server


async def fail(server: Broken, error: Exception) -> httpx2.Response:
    server.error = error
    async with server.client(server.tokens.give("alice")) as client:
        return await client.get("/api/me/conversations")


async def test_what_nobody_foresaw_gives_nothing_away(
    broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await fail(broken, RuntimeError(SECRET))
    problem(answer, 500, "internal")
    assert "s3cret" not in answer.text
    assert "Traceback" not in answer.text
    assert [record.getMessage() for record in caplog.records] == ["list_conversations failed"]


async def test_a_database_that_cannot_answer_says_when_to_come_back(broken: Broken) -> None:
    answer = await fail(broken, Unavailable("The connection broke."))
    assert problem(answer, 503, "unavailable")["detail"] == "The connection broke. Nothing was changed."
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OutcomeUnknown("Look first."), "outcome-unknown"),
        (NotReady("Migrate."), "not-ready"),
        (InvalidSetting("database_url", "has an empty host"), "misconfigured"),
    ],
)
async def test_what_waiting_does_not_help_names_no_time(
    broken: Broken, error: RecollectError, name: str
) -> None:
    answer = await fail(broken, error)
    fields: dict[str, Any] = problem(answer, 503, name)
    assert fields["detail"] == str(error)
    assert "argument" not in fields
    assert "retry-after" not in answer.headers


async def test_who_has_no_token_does_not_learn_what_the_operator_has_to_do() -> None:
    class NotMigrated(Tokens):
        async def authenticate(self, token: str | None) -> Caller:
            raise NotReady("The role recollect_rw may not act as recollect_app.")

    async def reach(user_id: str) -> History:
        raise AssertionError("nobody gets so far")

    async with listening(create_api(reach, NotMigrated(), never)) as port:
        server = Server(port, Tokens())
        async with server.client("anything") as client:
            answer = await client.get("/api/me/conversations")
    assert "recollect_rw" not in answer.text
    assert "log" in problem(answer, 503, "not-ready")["detail"]
