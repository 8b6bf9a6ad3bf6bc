"""Run as a script, by path: starts the supervisor without importing the rest of Recollect.

`python -I -S detached.py …` sees the standard library alone, whatever the client's environment,
working directory and site packages hold. The siblings are reached as a package made up here.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    package = ModuleType("recollect_embedded")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules[package.__name__] = package
    importlib.import_module("recollect_embedded.entry").main(sys.argv[1:])
