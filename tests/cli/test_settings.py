"""A setting without an acceptable value: exit code 2, its variable by name, and never its value."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recollect.settings import Settings
from tests.cli.conftest import Ran


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (["list"], {"pool_size": "secret"}, "RECOLLECT_POOL_SIZE: "),
        (["list"], {"database_url": "mysql://secret"}, "RECOLLECT_DATABASE_URL: must start with postgresql"),
        (["list"], {"database_url": "postgresql://h:secret/d"}, "RECOLLECT_DATABASE_URL: a port must be"),
        (["list"], {"replica_url": "postgresql://secret/d"}, "RECOLLECT_REPLICA_URL: needs database_url"),
        (["serve", "--host", "0.0.0.0"], {}, "RECOLLECT_HOST: must be of this machine alone"),
    ],
)
def test_the_variable_is_named_in_one_line(
    recollect: Callable[..., Ran], arguments: list[str], settings: dict[str, str], says: str
) -> None:
    ran = recollect(*arguments, **settings)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"recollect: {says}")
    assert len(ran.err.splitlines()) == 1
    assert "secret" not in ran.err


@pytest.mark.parametrize("name", ["database_ulr", "RECOLLECT_POOL_SIZE"])
def test_a_program_that_misspells_a_setting_is_told(name: str) -> None:
    """It would get the embedded PostgreSQL instead of its own, in silence."""
    with pytest.raises(TypeError, match=f"there is no setting {name}"):
        Settings.model_validate({name: "postgresql://127.0.0.1/x"})
