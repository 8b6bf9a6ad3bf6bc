"""What is measured of the estimate: its error by class, and its speed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
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


def speeds(samples: dict[str, list[str]], rounds: int = 15) -> str:
    """The best of several rounds for texts of 1 kB, 16 kB and 1 MB, and for the import."""
    lines: list[str] = []
    for name in ("prose.english", "code.python", "json_compact", "prose.russian", "prose.chinese"):
        text = "\n".join(samples[name])
        best: list[str] = []
        for size in (1_000, 16_000, 1_000_000):
            whole = (text * (size // len(text) + 1))[:size]
            best.append(f"{size:>9,} characters {_best(whole, rounds) * 1000:7.3f} ms")
        lines.append(f"{name:<16}" + "  ".join(best))
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
    lines.append(f"import          {min(starts) * 1000:.2f} ms")
    return "\n".join(lines)


def _best(text: str, rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        estimate(text)
        best = min(best, time.perf_counter() - began)
    return best
