"""The client processes: started, killed, succeeded, and brought to their end; and how far they are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from faults.client import Assignment
from faults.site import environment


@dataclass(slots=True)
class Running:
    """One process. looked, acked: how many bytes of its records were counted, and the acknowledgements
    in them."""

    given: Assignment
    settings: dict[str, str]
    records: Path
    process: subprocess.Popen[bytes]
    looked: int = 0
    acked: int = 0

    def count(self) -> int:
        """The acknowledgements that it has written down so far."""
        with self.records.open("rb") as file:
            file.seek(self.looked)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self.looked += len(whole)
        self.acked += whole.count(b'{"is":"ack"')
        return self.acked


class Clients:
    """All client processes of a run, also those that are no more. killed: the names of these."""

    def __init__(self, folder: Path) -> None:
        self.running: list[Running] = []
        self.past: list[Running] = []
        self.killed: set[str] = set()
        self._folder = folder

    def start(self, given: Assignment, **settings: str) -> None:
        """Start one; with settings (`RECOLLECT_…`) of its own."""
        records = self._folder / f"{given.name}.jsonl"
        with records.open("wb") as out, (self._folder / f"{given.name}.log").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "faults.client"],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=errors,
                env=environment(FAULTS_CLIENT=given.to_json(), **settings),
                cwd=Path(__file__).parents[1],
            )
        self.running.append(Running(given, settings, records, process))

    def replace(self, victim: Running) -> None:
        """Kill one in the middle of whatever it does; another one takes its place."""
        end(victim)
        self.running.remove(victim)
        self.past.append(victim)
        self.killed.add(victim.given.name)
        name, _, number = victim.given.name.partition("-")
        successor = replace(victim.given, name=f"{name}-{int(number or 1) + 1}")
        self.start(successor, **victim.settings)

    @property
    def acked(self) -> int:
        return sum(client.count() for client in [*self.running, *self.past])

    async def until_all_go_on(self, seconds: float) -> float:
        """Wait until each client had an acknowledgement from now on; how many seconds it took."""
        loop = asyncio.get_running_loop()
        began, before = loop.time(), {client.given.name: client.count() for client in self.running}
        while any(client.count() <= before[client.given.name] for client in self.running):
            self._look_for_dead()
            if loop.time() - began > seconds:
                stuck = [c.given.name for c in self.running if c.count() <= before[c.given.name]]
                raise Stuck(f"{', '.join(stuck)}: nothing acknowledged for {seconds:g} seconds")
            await asyncio.sleep(0.02)
        return loop.time() - began

    async def until_none_goes_on(self, seconds: float) -> None:
        """Wait until nothing at all was acknowledged for a second."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            before = self.acked
            await asyncio.sleep(1)
            self._look_for_dead()
            if self.acked == before:
                return
            if loop.time() - began > seconds:
                raise Stuck(f"appends are acknowledged for {seconds:g} seconds in spite of it")

    async def until_acked(self, count: int, seconds: float) -> None:
        """Wait until all clients together had so many acknowledgements."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self.acked < count:
            self._look_for_dead()
            if loop.time() - began > seconds:
                raise Stuck(f"only {self.acked} of {count} appends acknowledged within {seconds:g} seconds")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Let each finish what is under way."""
        for client in self.running:
            assert client.process.stdin is not None
            client.process.stdin.close()
        for client in self.running:
            code = await asyncio.to_thread(client.process.wait, 180)
            if code:
                raise Stuck(f"{client.given.name} ended with {code}: {self._log(client)}")

    def kill(self) -> None:
        """Leave none behind."""
        for client in self.running:
            end(client)

    def _look_for_dead(self) -> None:
        for client in self.running:
            if client.process.poll() is not None:
                raise Stuck(f"{client.given.name} died: {self._log(client)}")

    def _log(self, client: Running) -> str:
        return (self._folder / f"{client.given.name}.log").read_text(encoding="utf-8")[-2000:]


def end(client: Running) -> None:
    client.process.kill()
    client.process.wait()
    assert client.process.stdin is not None
    client.process.stdin.close()


class Stuck(Exception):
    """The clients do not come forward."""
