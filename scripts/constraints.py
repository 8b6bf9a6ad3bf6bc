"""`constraints.txt`: the exact version of everything that `make` installs.

Without an argument: check that each line is one plain pin and that this environment holds
exactly what the file says. With `--write`: resolve everything anew in an empty environment
and rewrite the file. A pin may carry a marker (`; python_version < "3.12"`) where versions of
Python differ; --write keeps the pins whose marker does not apply to the Python it runs on.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from scripts import environment

INSTALLERS = {"pip", "setuptools", "wheel", "uv"}
"""Bring the environment itself about; which of them are there depends on how it was made."""

HEADER = "# The exact versions that `make` installs; `make lock` rewrites this file.\n"

FREEZE = (
    "from importlib.metadata import distributions\n"
    "for found in distributions(): print(found.metadata['Name'], found.version)"
)


def problems(lines: list[str], installed: dict[str, str]) -> list[str]:
    """What is wrong with the pins in `lines` for an environment that holds `installed`."""
    found: list[str] = []
    pinned: dict[str, str] = {}
    for line in lines:
        pin = parse(line)
        if pin is None:
            found.append(f"not a plain pin (name==version): {line}")
        elif pin.marker is None or pin.marker.evaluate():
            pinned[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    different = (name for name in pinned.keys() | installed.keys() if pinned.get(name) != installed.get(name))
    return found + [
        f"{name}: pinned {pinned.get(name, 'nowhere')}, installed {installed.get(name, 'nowhere')}"
        for name in sorted(different)
    ]


def parse(line: str) -> Requirement | None:
    """The pin on a line, or None if it is anything but `name==version`, perhaps with a marker."""
    try:
        pin = Requirement(line)
    except InvalidRequirement:
        return None
    exact = len(pin.specifier) == 1 and all(
        s.operator == "==" and "*" not in s.version for s in pin.specifier
    )
    return pin if exact and pin.url is None and not pin.extras else None


def pins(text: str) -> list[str]:
    """The lines that are neither empty nor a comment."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def tidy(found: dict[str, str]) -> dict[str, str]:
    """Names in their canonical form, without this project and the installers."""
    names = {canonicalize_name(name): version for name, version in found.items()}
    return {name: version for name, version in names.items() if name not in INSTALLERS | {"recollect"}}


def resolve() -> dict[str, str]:
    """The newest versions that fit, found by installing everything into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        python = environment.create(Path(folder) / "venv")
        environment.install(python, ["--group", "dev", "-e", ".[server]"])
        frozen = subprocess.run(
            [str(python), "-c", FREEZE], check=True, capture_output=True, text=True
        ).stdout
    return tidy(dict(line.split() for line in frozen.splitlines()))


def main() -> int:
    """Check, or `--write`; the exit code."""
    kept = pins(environment.CONSTRAINTS.read_text())
    if sys.argv[1:] == ["--write"]:
        elsewhere = [
            line for line in kept if (pin := parse(line)) and pin.marker and not pin.marker.evaluate()
        ]
        lines = sorted([*elsewhere, *(f"{name}=={version}" for name, version in resolve().items())])
        environment.CONSTRAINTS.write_text(HEADER + "\n".join(lines) + "\n")
        print(f"constraints.txt: {len(lines)} pins. Now run make setup.")
        return 0
    found = problems(kept, tidy({found.metadata["Name"]: found.version for found in distributions()}))
    if found:
        print("constraints.txt and .venv differ (make setup installs the pins, make lock renews them):")
    for line in found:
        print(f"  {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
