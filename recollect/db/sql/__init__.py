"""SQL is source code: each statement that is an algorithm stands in a file of its own here."""

from __future__ import annotations

from importlib import resources

FUNCTIONS = (
    "append_v2",
    "fork_v1",
    "messages_v2",
    "open_v1",
    "path_v1",
    "search_fused_v2",
    "search_keys_v2",
    "search_queries_v2",
    "search_v2",
    "window_v2",
)
"""The functions that this version calls. A released file never changes; a new version is a new file."""

RETAINED = ("append_v1", "messages_v1", "window_v1")
"""The functions that are in the schema only for servers of the version before, while they are replaced."""

REMOVED = ("search_fused_v1", "search_keys_v1", "search_queries_v1", "search_v1")
"""Functions that a later revision dropped. Their files stay, since the revisions that made them load them."""


def load(name: str) -> str:
    """The text of `name`.sql."""
    return (resources.files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
