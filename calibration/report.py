"""What is measured of the estimate: its error by class, and its speed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from typing import NamedTuple

from recollect.history.tokens import estimate


class Error(NamedTuple):
    """Of one class. mean: mean absolute error of a sample; bias: of the class's total, below 0 if under."""

    samples: int
    tokens: int
    mean: float
    bias: float


def errors(samples: dict[str, list[str]], tokens: Callable[[str], int]) -> dict[str, Error]:
    """The errors of the estimate by class. tokens: the true count of a text."""
    found: dict[str, Error] = {}
    for name, texts in samples.items():
        pairs = [(estimate(text), tokens(text)) for text in texts]
        total = sum(true for _, true in pairs)
        mean = sum(abs(guess / true - 1) for guess, true in pairs) / len(pairs)
        found[name] = Error(len(texts), total, mean, sum(guess for guess, _ in pairs) / total - 1)
    return found


def table(found: dict[str, Error]) -> str:
    lines = ["| class | samples | tokens | mean error | of the total |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {n} | {e.samples} | {e.tokens} | {e.mean:.1%} | {e.bias:+.1%} |" for n, e in found.items()]
    return "\n".join(lines)


SPEED_CLASSES = ("prose.english", "code.python", "json_compact", "prose.russian", "prose.chinese")
SPEED_SIZES = (20, 500, 16_000, 1_000_000)
"""In characters: a title, a message, a tool's output, and one that is estimated from slices."""


def speeds(samples: dict[str, list[str]]) -> str:
    """Microseconds for texts of `SPEED_SIZES`, and for the import."""
    lines = [f"| µs for characters | {' | '.join(f'{size:,}' for size in SPEED_SIZES)} |"]
    lines.append(f"|---|{'---:|' * len(SPEED_SIZES)}")
    for name in SPEED_CLASSES:
        text = "\n".join(samples[name])
        text *= max(SPEED_SIZES) // len(text) + 1
        best = [f"{microseconds(text[:size]):,.1f}" for size in SPEED_SIZES]
        lines.append(f"| {name} | {' | '.join(best)} |")
    return "\n".join([*lines, "", f"The import takes {_import_microseconds():,.0f} µs."])


def microseconds(text: str) -> float:
    """What an estimate of `text` takes: the best of several goes, since others use the machine too."""
    goes = max(1, 20_000 // len(text))
    return min(timeit.repeat(lambda: estimate(text), number=goes, repeat=25)) / goes * 1e6


def _import_microseconds() -> float:
    """What importing the estimator takes a process that has imported all that it needs."""
    code = (
        "import json, math, typing, recollect.history, recollect.models.message; "
        "from time import perf_counter as now; "
        "began = now(); import recollect.history.tokens; print(now() - began)"
    )
    with tempfile.TemporaryDirectory() as folder:  # the first run writes the bytecode that others use
        found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = {**found, "PYTHONPYCACHEPREFIX": folder}
        starts = [
            float(subprocess.check_output([sys.executable, "-c", code], text=True, env=environment))  # noqa: S603
            for _ in range(5)
        ]
    return min(starts) * 1e6
