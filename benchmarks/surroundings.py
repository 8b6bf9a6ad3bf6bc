"""On what, and with what, a run measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Self

import asyncpg

PACKAGES = ("recollect", "asyncpg", "mcp", "pydantic")


@dataclass(slots=True)
class Surroundings:
    """load: the machine's load average over a minute when the run began; seconds: its length."""

    when: datetime
    machine: str
    system: str
    versions: str
    postgres: str
    load: float
    seconds: float = 0.0

    @classmethod
    async def look(cls, connection: asyncpg.Connection[asyncpg.Record]) -> Self:
        settings = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        values = [await connection.fetchval("SELECT current_setting($1)", name) for name in settings]
        release, *rest = zip(settings, values, strict=True)
        return cls(
            when=datetime.now(UTC),
            machine=f"{_processor()}, {os.cpu_count()} CPUs",
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            versions=f"Python {platform.python_version()}, "
            + ", ".join(f"{package} {version(package)}" for package in PACKAGES),
            postgres=f"PostgreSQL {release[1].split()[0]}, embedded, "
            + ", ".join(f"{name} {value}" for name, value in rest),
            load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        )

    def lines(self) -> list[str]:
        return [
            f"{self.when:%Y-%m-%d %H:%M} UTC, in {self.seconds:.0f} seconds",
            self.machine,
            self.system,
            self.versions,
            self.postgres,
            f"load average when it began: {self.load:.1f}",
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
