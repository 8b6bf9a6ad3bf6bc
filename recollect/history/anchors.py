"""Where a window may begin, so that what it shows stays the same while the conversation grows.

A window that begins with the oldest message that fits begins elsewhere after every message, and
a provider's prompt cache, which holds equal beginnings, is of no use. So windows begin at anchors
alone: the first message after each multiple of three eighths of the room, counted in tokens from
the start of the conversation. Where the anchors are depends on nothing that comes later, so a
window keeps its beginning until that no longer fits, and then moves on to the next anchor.

An anchor with another one within a quarter of the room after it is passed over. So a move is
always of more than a quarter of the room. See docs/decisions/history-window-anchors.md.
"""

from __future__ import annotations

Place = tuple[int, int]
"""Where something that a window may begin with stands: the tokens of the path before it, as they are
stored, and the tokens that it takes in a window."""


def first_anchor(places: list[Place], lowest: int, room: int) -> int:
    """The index of the first anchor among `places[lowest:]`, oldest first, for windows of `room`.

    The last place ends at the end of the window. Without an anchor, as after exchanges that take
    most of the room, it is `lowest` itself.
    """
    least = room // 4
    step = max(1, least * 3 // 2)
    line = places[lowest - 1][0] // step if lowest else -1
    anchor = lowest
    after = -1  # tokens from `anchor` on; negative while there is none
    for index in range(lowest, len(places)):
        position, cost = places[index]
        if position // step != line:
            if after > least:
                return anchor
            line = position // step
            anchor, after = index, 0
        if after >= 0:
            after += cost
    return anchor if after > least else lowest
