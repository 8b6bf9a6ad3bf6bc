"""Everything `make check` checks. All of it runs, so that one go shows every complaint."""

from __future__ import annotations

import sys
import time

from scripts.environment import run, tool

CHECKS: dict[str, list[str]] = {
    "format": [tool("ruff"), "format", "--check", "--quiet", "."],
    "lint": [tool("ruff"), "check", "--quiet", "."],
    "layers": [tool("lint-imports"), "--no-logo"],
    "generated docs": [sys.executable, "-m", "scripts.docs", "--check"],
    "pinned versions": [sys.executable, "-m", "scripts.constraints"],
    "types": [tool("pyright")],
    "installed wheel": [sys.executable, "-m", "scripts.installed_wheel"],
}


def main() -> int:
    """Run all checks; the exit code is 1 if one failed. An argument names the only ones to run."""
    wanted = sys.argv[1:] or list(CHECKS)
    failed: list[str] = []
    for name in wanted:
        print(f"── {name}", flush=True)
        began = time.monotonic()
        passed = run(*CHECKS[name]) == 0
        print(f"   {'ok' if passed else 'FAILED'} ({time.monotonic() - began:.1f} s)", flush=True)
        if not passed:
            failed.append(name)
    print(f"check: failed: {', '.join(failed)}" if failed else f"check: {len(wanted)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
