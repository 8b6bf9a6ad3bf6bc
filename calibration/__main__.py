"""Print the estimator's errors on the held-out samples and its speed.

python -m calibration            errors by class, speed
python -m calibration --fit      the same on the samples of the fit
python -m calibration --write    find the weights again and write them into
                                 recollect/history/token_prices.py; if they changed, raise ESTIMATOR,
                                 which receipts name
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from pathlib import Path

from calibration.corpus import samples
from calibration.fit import fit
from calibration.o200k import o200k
from calibration.report import errors, speeds, table
from recollect.history import token_prices


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    count = o200k()
    if arguments.write:
        return _write(fit(samples("fit"), count))
    chosen = samples("fit" if arguments.fit else "held")
    sys.stdout.write(f"{table(errors(chosen, count))}\n\n{speeds(chosen)}\n")
    return 0


def _write(weights: dict[str, float]) -> int:
    path = Path(token_prices.__file__)
    entries = " ".join(f'"{name}":\N{NO-BREAK SPACE}{weight},' for name, weight in weights.items())
    lines = textwrap.indent(textwrap.fill(entries, 100, break_on_hyphens=False), "    ") + "\n"
    lines = lines.replace("\N{NO-BREAK SPACE}", " ")
    source, replaced = re.subn(
        r"(?<=^WEIGHTS: dict\[str, float\] = \{\n)(?:    .*\n)*(?=\})",
        lines,
        path.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    if replaced != 1:
        sys.stderr.write(f"found no WEIGHTS in {path}\n")
        return 1
    path.write_text(source, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
