"""A tree out of messages that name the ones they follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recollect.history.formats.rendered import JsonObject
from recollect.models.imported import Notes

NOBODY = "00000000-0000-"
"""How the id begins that stands for no parent."""


def put(messages: dict[str, JsonObject], id: str, said: JsonObject, notes: Notes) -> str:
    """Take in a message by its id, and say under which. Of two different ones with one id both are kept."""
    if messages.get(id) == said:
        notes.left_out["messages that come twice"] += 1
        return id
    own, number = id, 1
    while own in messages:
        number += 1
        own = f"{id}-{number}"
    if number > 1:
        notes.converted["different messages with one id, kept as two"] += 1
    messages[own] = said
    return own


def depth_first(parents: Mapping[str, str | None], notes: Notes) -> list[str]:
    """All ids, each after its parent, and along a branch before the next one begins: so that of most
    messages the one before is the parent. Siblings keep their order.

    A parent that is not there makes a beginning, and is told; a circle is cut open.
    """
    children: dict[str | None, list[str]] = {}
    for id, parent in parents.items():
        if parent is not None and parent not in parents and not parent.startswith(NOBODY):
            notes.converted["messages whose parent is missing, kept as beginnings"] += 1
        children.setdefault(parent if parent in parents else None, []).append(id)
    order: list[str] = []
    seen: set[str] = set()

    def visit(start: str) -> None:
        waiting = [start]
        while waiting:
            id = waiting.pop()
            if id not in seen:
                seen.add(id)
                order.append(id)
                waiting.extend(reversed(children.get(id, ())))

    for root in children.get(None, ()):
        visit(root)
    for id in parents:
        if id not in seen:
            notes.converted["messages that follow each other in a circle: the circle was cut"] += 1
            visit(id)
    return order


def nearest(id: str | None, parents: Mapping[str, str | None], is_kept: Callable[[str], bool]) -> str | None:
    """`id`, or the closest of those before it that is kept."""
    seen: set[str] = set()
    while id is not None and not is_kept(id):
        if id in seen:
            return None
        seen.add(id)
        id = parents.get(id)
    return id
