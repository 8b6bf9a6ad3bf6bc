"""Running `recollect` in this process, as its entry point does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO

import pytest

from recollect.cli.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def recollect(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run it with these arguments, and settings as keywords (`database_url=…`)."""

    def run(*arguments: str, **settings: str) -> Ran:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", StringIO())
            patch.setattr(sys, "argv", ["recollect", *arguments])
            for name, value in settings.items():
                patch.setenv(f"RECOLLECT_{name.upper()}", value)
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capfd.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return run
