"""What a token allows."""

from __future__ import annotations

import pytest

from recollect import Forbidden
from recollect.identity.caller import ERASE, READ, WRITE, Caller


def caller(*scopes: str) -> Caller:
    return Caller("alice", frozenset(scopes), "tests")


@pytest.mark.parametrize(
    ("scopes", "needed"),
    [
        ([READ], [READ]),
        ([WRITE], [WRITE]),
        ([WRITE], [READ]),
        ([WRITE], [READ, WRITE]),
        ([WRITE, ERASE], [WRITE, ERASE]),
        (["openid", READ], [READ]),
        ([], []),
    ],
)
def test_a_token_allows_its_scopes_and_those_they_include(scopes: list[str], needed: list[str]) -> None:
    caller(*scopes).require(*needed)


@pytest.mark.parametrize(
    ("scopes", "needed"),
    [
        ([], [READ]),
        ([READ], [WRITE]),
        ([READ, ERASE], [WRITE, ERASE]),
        ([WRITE], [ERASE]),
        ([ERASE], [READ]),
        (["history:readwrite", "history", "HISTORY:READ"], [READ]),
    ],
)
def test_whatever_is_missing_all_scopes_of_the_operation_are_named(
    scopes: list[str], needed: list[str]
) -> None:
    with pytest.raises(Forbidden) as refused:
        caller(*scopes).require(*needed)
    assert refused.value.scopes == tuple(needed)
