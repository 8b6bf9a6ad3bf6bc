"""Several processes that serve one socket: started, replaced when they die, and ended together."""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

logger = logging.getLogger(__name__)

EARLY_SECONDS = 10.0
"""A worker that dies within so long of its start is replaced later and later."""

LONGEST_PAUSE = 30.0

LOOK_SECONDS = 1.0
"""How often the parent looks around although nothing woke it: on Windows a signal does not."""

INTERRUPTED = 130

# A fresh interpreter each: a fork would share connections and threads that are not ours to share.
_processes = get_context("spawn")

Work = Callable[[int, socket.socket, Connection], None]
"""What a worker does: by its number, from 0, serve the socket, and send one byte once it accepts. It
must be importable."""


class Workers:
    """The processes of one server.

    patience:  seconds after which workers that were told to end are killed.
    """

    def __init__(self, count: int, bound: socket.socket, work: Work, *, patience: float) -> None:
        self._bound = bound
        self._work = work
        self._patience = patience
        self._slots = [_Slot(number) for number in range(count)]
        self._code: int | None = None
        self._woken, self._wake = _processes.Pipe(duplex=False)

    def run(self, listening: Callable[[], None]) -> int:
        """Serve until a signal; gives the exit code.

        listening:  called once all workers accept.

        A worker that cannot even start ends it all: what stops one would stop the next. One that is killed
        while it starts, as by an operator or for its memory, is replaced as it would be later.
        """
        self._watch_signals()
        for slot in self._slots:
            self._start(slot)
        if self._wait_until_ready():
            listening()
            while self._code is None:
                self._replace_dead()
                self._pause()
        # Whoever connects from now on is refused at once and does not wait for nobody.
        self._bound.close()
        self._end()
        return 1 if self._code is None else self._code

    def _start(self, slot: _Slot) -> None:
        receive, send = _processes.Pipe(duplex=False)
        slot.process = _processes.Process(
            target=self._work, args=(slot.number, self._bound, send), daemon=True
        )
        slot.process.start()
        send.close()
        slot.ready = receive
        slot.started = time.monotonic()

    def _wait_until_ready(self) -> bool:
        """Whether each worker accepts; no, if one cannot or a signal came before."""
        for slot in self._slots:
            while not self._accepts(slot):
                if self._code is not None:  # it lives, and nobody has told it to end
                    return False
                slot.process.join()
                if (slot.process.exitcode or 0) >= 0:
                    return False
                while not slot.process.is_alive():
                    if self._code is not None:
                        return False
                    self._replace_dead()
                    self._pause()
        return True

    def _accepts(self, slot: _Slot) -> bool:
        """Wait until a worker accepts; no, if it died or a signal came before."""
        while not slot.ready.poll():
            if self._code is not None:
                return False
            wait([slot.ready, self._woken])
        try:
            slot.ready.recv_bytes()
        except EOFError:  # it died
            return False
        return True

    def _replace_dead(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process.is_alive():
                continue
            if slot.again_at is None:
                early = now - slot.started < EARLY_SECONDS
                slot.pause = min(LONGEST_PAUSE, max(0.5, slot.pause * 2)) if early else 0.0
                slot.again_at = now + slot.pause
                logger.error(
                    "worker %s ended with %s; a new one starts in %.1f seconds",
                    slot.process.pid,
                    slot.process.exitcode,
                    slot.pause,
                )
            if now >= slot.again_at:
                slot.again_at = None
                self._start(slot)

    def _pause(self) -> None:
        """Until a worker dies, one is to be started again, or a signal comes."""
        dead = [slot.again_at for slot in self._slots if slot.again_at is not None]
        alive = [slot.process.sentinel for slot in self._slots if slot.again_at is None]
        soonest = min(dead) - time.monotonic() if dead else LOOK_SECONDS
        wait([*alive, self._woken], max(0.0, min(soonest, LOOK_SECONDS)))

    def _end(self) -> None:
        deadline = time.monotonic() + self._patience
        for slot in self._slots:
            slot.process.terminate()
        for slot in self._slots:
            slot.process.join(max(0.0, deadline - time.monotonic()))
            slot.process.kill()
            slot.process.join()

    def _watch_signals(self) -> None:
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
            if (number := getattr(signal, name, None)) is not None:
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._code is None:
            self._code = INTERRUPTED if number == signal.SIGINT else 0
            self._wake.send_bytes(b"!")


class _Slot:
    """The place of one worker. again_at: when the next one starts, if this one is dead."""

    def __init__(self, number: int) -> None:
        self.number = number

    process: BaseProcess
    ready: Connection
    started: float
    again_at: float | None = None
    pause: float = 0.0
