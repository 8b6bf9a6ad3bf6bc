"""What a person at the command line reads when something Recollect foresaw goes wrong."""

from __future__ import annotations

import errno
from typing import cast

from pydantic import ValidationError
from pydantic_settings import SettingsError

from recollect.models.errors import InvalidSetting, RecollectError
from recollect.settings import ConfigFileError

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def explain(error: Exception) -> tuple[str, int] | None:
    """The one-line text and the exit code for an error, or None for a defect of ours.

    A wrong setting is a usage error (2) and is named as its environment variable, without
    its value, which may be a secret. Several foreseen errors raised together (a task group
    wraps them) are explained by the first.
    """
    if isinstance(error, ExceptionGroup):
        raised = cast("ExceptionGroup[Exception]", error).exceptions
        explained = [explain(inner) for inner in raised]
        return explained[0] if explained and None not in explained else None
    if isinstance(error, InvalidSetting):
        return f"RECOLLECT_{error.argument.upper()}: {' '.join(error.problem.split())}", 2
    if isinstance(error, RecollectError):
        return " ".join(str(error).split()), 1
    if isinstance(error, ValidationError) and error.title == "Settings":
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        return "; ".join(
            f"{_variable(problem['loc'])}: {_problem(problem['msg'])}" for problem in problems
        ), 2
    if isinstance(error, ConfigFileError):
        return " ".join(str(error).split()), 2
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
        return f"the output could not be written: {error.strerror}. Send it elsewhere, or make room", 1
    if isinstance(error, SettingsError):
        return f"RECOLLECT settings: {error}; lists and objects are written as JSON", 2
    return None


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return "RECOLLECT settings"
    name = str(location[0]).upper()
    inner = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location[1:])
    return ("" if name.startswith("RECOLLECT_") or name == "DATABASE_URL" else "RECOLLECT_") + name + inner


def _problem(message: str) -> str:
    return message.removeprefix("Value error, ")
