"""`recollect token`, from making a token to revoking it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.cli.conftest import Ran

Recollect = Callable[..., Ran]


def test_a_token_is_made_shown_once_listed_and_revoked(recollect: Recollect, database_url: str) -> None:
    made = recollect("token", "create", "laptop", "--user", "alice", database_url=database_url)
    assert made.code == 0
    assert re.fullmatch(r"rct_\S+\n", made.out)  # so that TOKEN=$(recollect token create laptop) works
    assert "It is not shown again." in made.err
    assert "RECOLLECT_ACCESS_TOKENS=true" in made.err
    listed = recollect("token", "list", "--user", "alice", database_url=database_url)
    assert made.out.strip() not in listed.out
    head, row = listed.out.splitlines()
    assert head.split("  ")[0] == "ID"
    assert re.fullmatch(
        r"([0-9a-f]{12})  laptop  history:read history:write  (\d{4}-\d\d-\d\d  ){2}never", row
    )
    id = row.split()[0]
    assert recollect("token", "revoke", id, "--user", "alice", database_url=database_url).out == "Revoked.\n"
    again = recollect("token", "revoke", id, "--user", "alice", database_url=database_url)
    assert again.code == 1
    assert again.err.startswith(f"recollect: id: 'alice' has no token '{id}'")
    empty = recollect("token", "list", "--user", "alice", database_url=database_url)
    assert empty.out == "The user 'alice' has no tokens.\n"


def test_without_a_user_it_is_the_configured_one(recollect: Recollect, database_url: str) -> None:
    recollect("token", "create", "laptop", database_url=database_url, user_id="carol")
    assert "laptop" in recollect("token", "list", "--user", "carol", database_url=database_url).out


def test_an_empty_user_is_not_the_configured_one(recollect: Recollect, database_url: str) -> None:
    for verb in (("create", "laptop"), ("list",), ("revoke", "0123456789ab")):
        ran = recollect("token", *verb, "--user", "", database_url=database_url, user_id="carol")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == "recollect: user: must have 1 to 255 characters\n"


def test_programs_get_json(recollect: Recollect, database_url: str) -> None:
    options = ("--scope", "read", "--scope", "erase", "--days", "1", "--json")
    made = json.loads(recollect("token", "create", "ci", *options, database_url=database_url).out)
    assert made["token"].startswith("rct_")
    assert made["scopes"] == ["history:erase", "history:read"]
    listed = json.loads(recollect("token", "list", "--json", database_url=database_url).out)
    assert listed == [{name: value for name, value in made.items() if name not in ("token", "user")}]


def test_a_scope_that_there_is_not_is_a_usage_error(recollect: Recollect, database_url: str) -> None:
    assert recollect("token", "create", "x", "--scope", "all", database_url=database_url).code == 2
    assert recollect("token", "create", "x", "--days", "0", database_url=database_url).code == 2
