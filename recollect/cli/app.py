"""The commands of `recollect`, each imported only when it is the one that runs.

`COMMANDS` is the whole list. An entry names where its command lives: a function, or a typer
app where the command has verbs of its own. `recollect --help` shows the table's texts and
imports none of the modules, so it stays quick however many commands there are.

To add one: write `recollect/cli/<name>.py` with a function `command`, whose docstring is its
help, and add a line to the table.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, NamedTuple

import typer

from recollect.cli.exclusions import exclusions_last


class Command(NamedTuple):
    """Where a command lives (`module:attribute`), and its line in `recollect --help`."""

    target: str
    help: str


COMMANDS: dict[str, Command] = {
    "serve": Command("recollect.cli.serve:command", "Serve MCP and REST over HTTP: /mcp, /sse, /api."),
    "token": Command("recollect.cli.token:app", "Make, show and revoke personal access tokens."),
    "migrate": Command(
        "recollect.cli.migrate:command", "Create or upgrade Recollect's schema in the database."
    ),
    "import": Command(
        "recollect.cli.import_files:command", "Take in conversations of ChatGPT, Claude and other programs."
    ),
    "export": Command("recollect.cli.export:command", "Write your conversations to a file."),
    "list": Command("recollect.cli.list:command", "List your conversations, the latest first."),
    "show": Command("recollect.cli.show:command", "Show one conversation."),
    "search": Command("recollect.cli.search:command", "Find messages in all your conversations."),
    "embed": Command("recollect.cli.embed:command", "Give messages the embeddings that they lack."),
    "erase": Command("recollect.cli.erase:command", "Really remove conversations; asks first."),
    "prune": Command("recollect.cli.prune:command", "Remove old conversations, as far as you say."),
    "backup": Command("recollect.cli.backup:command", "Write everything of all users into one file."),
    "restore": Command("recollect.cli.restore:command", "Bring a backup into an empty database."),
    "install": Command("recollect.cli.install:command", "Add Recollect to Claude, Cursor, VS Code or Codex."),
    "db": Command("recollect.cli.db:app", "Show and control the embedded PostgreSQL."),
    "doctor": Command(
        "recollect.cli.doctor:command", "Check the configuration and the database; say what to fix."
    ),
    "demo": Command("recollect.cli.demo:command", "Watch an agent without memory keep up a conversation."),
}

ABOUT = """Durable conversation history for AI agents, over MCP, on PostgreSQL.

Without a command, `recollect` serves MCP on stdin and stdout: this is what an MCP client starts.
Settings come from the environment (`RECOLLECT_…`) or from `config.toml`.
"""


COMPLETE = "_RECOLLECT_COMPLETE"
"""Set by a shell that wants to know how its line could go on: it gives no arguments, but the line in
one of `LINES`."""

LINES = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


def run(arguments: Sequence[str]) -> None:
    """Run the command line `arguments` (without the program's name). Always ends in SystemExit,
    or in the error that the command raised."""
    words = _line()[1:] if COMPLETE in os.environ else arguments
    if _chosen(arguments) == "search":
        arguments = exclusions_last(arguments)
    build(words)(list(arguments), prog_name="recollect")


def _line() -> list[str]:
    """The words of the line that a shell wants completed."""
    return " ".join(os.environ.get(name, "") for name in LINES).split()


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """The typer app in which the command that `arguments` name is the real one and the others are
    names with a help text."""
    app = typer.Typer(
        help=ABOUT,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    chosen = _chosen(arguments)
    for name, entry in COMMANDS.items():
        loaded = _load(entry.target) if name == chosen else _not_loaded
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=name, short_help=entry.help)
        else:
            app.command(name, short_help=entry.help)(loaded)
    return app


def _chosen(arguments: Sequence[str]) -> str | None:
    """The command: the first word that is no option, since the options before it take no values."""
    return next((word for word in arguments if not word.startswith("-")), None)


def _load(target: str) -> typer.Typer | Callable[..., object]:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _not_loaded() -> None:
    """Stands in the list for a command that is not the one to run."""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"recollect {version('recollect')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Options of `recollect` itself."""
