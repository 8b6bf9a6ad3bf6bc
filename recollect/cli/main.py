"""Entry of the `recollect` command.

`recollect` alone is what an MCP client starts, once per session and sometimes per turn: it
serves MCP on stdin and stdout. That way in loads nothing of the command line (no typer, no
rich), which is why the imports below stand inside `main`. Every other use goes through
`recollect.cli.app`.

Exit codes: 0 done, 1 Recollect cannot do it (one line on stderr says what to do next),
2 the command line or a setting is wrong, 3 done, but for some pieces that are named (import),
130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from typing import cast


def main() -> None:
    """Run the command line; errors meant for a person end it with one line on stderr."""
    _open_what_is_closed()
    try:
        if len(sys.argv) == 1 and "_RECOLLECT_COMPLETE" not in os.environ:
            from recollect.mcp_server.stdio import main as serve_stdio

            serve_stdio()
        else:
            from recollect.cli.app import run

            _show_what_can_be_shown(sys.stdout)
            try:
                run(sys.argv[1:])
            finally:
                if sys.stdout:
                    sys.stdout.flush()  # so that what cannot be written is told below
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever reads has enough, such as `head`
        _write_no_more()
        sys.exit(1)
    except Exception as error:  # the command line's one boundary
        from recollect.cli.problems import explain

        explained = explain(error)
        if explained is None:
            raise
        text, code = explained
        if isinstance(error, OSError):
            _write_no_more()
        print(f"recollect: {text}", file=sys.stderr)
        sys.exit(code)


def _open_what_is_closed() -> None:
    """Where somebody closed stdin, stdout or stderr, Python has None, and the next file or connection
    would get its number: what a process that we start says there would go to it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            lowest = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(lowest, True)
            setattr(sys, name, os.fdopen(lowest, mode, encoding="utf-8", closefd=False))


def _show_what_can_be_shown(stream: object) -> None:
    """What a console or a file of another encoding than UTF-8 cannot hold becomes a question mark."""
    if isinstance(stream, io.TextIOWrapper):
        cast("io.TextIOWrapper[io.BufferedWriter]", stream).reconfigure(errors="replace")


def _write_no_more() -> None:
    """Leave what waits to be written to nobody, or the interpreter tries and fails again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
