"""The way of Windows, run here: a port of 127.0.0.1 and a password."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from recollect.db.embedded import EmbeddedPostgres, status, stop
from recollect.db.embedded.address import Address
from recollect.db.embedded.scram import ScramClient
from recollect.db.embedded.wire import Connection, Health, ServerRefused, health

Query = Callable[[str, str], Any]


def test_a_server_on_a_port_wants_the_password(new_home: Path, query: Query) -> None:
    server = EmbeddedPostgres(new_home, grace_seconds=5, tcp=True)
    url = server.ensure()
    assert url.startswith("postgresql://recollect:")
    assert query(url, "SELECT current_database()") == "recollect"
    assert query(url, "SHOW listen_addresses") == "127.0.0.1"
    assert query(url, "SHOW unix_socket_directories") == ""
    password = new_home / "postgres" / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert len(password.read_text()) >= 40
    port = int(url.split(":")[-1].split("/")[0])
    with pytest.raises(asyncpg.InvalidPasswordError):
        query(url.replace(password.read_text(), "guess"), "SELECT 1")
    with pytest.raises(ServerRefused, match="password"):
        Connection(Address(port=port, password="guess"), "recollect")
    assert health(Address(port=port, password=password.read_text()), "recollect") is Health.READY


def test_a_server_on_a_port_is_shared_adopted_recovered_and_stopped(new_home: Path, query: Query) -> None:
    server = EmbeddedPostgres(new_home, grace_seconds=5, tcp=True)
    url = server.ensure()
    assert EmbeddedPostgres(new_home, grace_seconds=5, tcp=True).ensure() == url
    found = status(new_home)
    assert found.url == url
    assert found.supervisor_pid is not None
    os.kill(found.supervisor_pid, signal.SIGKILL)
    assert query(server.ensure(), "SELECT 1") == 1
    assert status(new_home).postmaster_pid == found.postmaster_pid
    assert found.postmaster_pid is not None
    os.kill(found.postmaster_pid, signal.SIGKILL)
    assert query(server.ensure(), "SELECT 1") == 1
    assert stop(new_home)
    assert not status(new_home).running


def test_scram_follows_the_example_of_its_rfc() -> None:
    # RFC 7677, section 3.
    client = ScramClient("pencil", nonce="rOprNGfwEbeRWgbNEkqO", name="user")
    assert client.first() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    proof = client.final(f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert proof == f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(ValueError, match="password"):
        client.verify("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_scram_refuses_a_server_that_answers_somebody_else() -> None:
    with pytest.raises(ValueError, match="nonce"):
        ScramClient("pencil").final("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
