"""What each worker of one server knows, for whichever of them is asked.

The parent makes a listening socket on loopback for each worker, so that all addresses are known
from the start and stay when a worker is replaced. Whoever connects is told that worker's numbers
as JSON, which are no more than what /metrics tells whoever asks. A thread answers: a worker that
is busy is not silent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that the others may take to answer. One that is just being replaced does not."""

MOST_BYTES = 16 * 1024 * 1024

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one worker.

    number:    from 0.
    listener:  where it is asked.
    ports:     where each worker is asked, by number.
    """

    number: int
    listener: socket.socket
    ports: tuple[int, ...]


@contextmanager
def places(count: int) -> Generator[list[Place]]:
    """Places for so many workers, for as long as their parent lives."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((_LOOPBACK, 0))) for _ in range(count)]
        ports = tuple(listener.getsockname()[1] for listener in listeners)
        yield [Place(number, listener, ports) for number, listener in enumerate(listeners)]


class Siblings:
    """One worker among others.

    known:  gives what this worker knows, as JSON can hold it; called from a thread.
    """

    def __init__(self, place: Place, known: Callable[[], Any]) -> None:
        self._place = place
        self._known = known
        threading.Thread(target=self._answer, name="siblings", daemon=True).start()

    async def ask(self) -> dict[int, Any]:
        """What every worker knows, by its number, without those that do not answer in time."""
        here = self._place.number
        others = [number for number in range(len(self._place.ports)) if number != here]
        told = await asyncio.gather(*(self._ask(number) for number in others))
        all_known = {here: self._known()} | dict(zip(others, told, strict=True))
        return {number: known for number, known in sorted(all_known.items()) if known is not None}

    async def _ask(self, number: int) -> Any | None:
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(
                    _LOOPBACK, self._place.ports[number], limit=MOST_BYTES
                )
                try:
                    return json.loads(await reader.read(-1))
                finally:
                    writer.close()
        except (OSError, ValueError, TimeoutError) as error:
            logger.warning("worker %d did not tell its numbers: %s", number, type(error).__name__)
            return None

    def _answer(self) -> None:
        while True:
            try:
                asking, _ = self._place.listener.accept()
            except OSError:
                return  # the process ends
            with asking, suppress(OSError):
                asking.settimeout(PATIENCE)
                asking.sendall(json.dumps(self._known()).encode())
