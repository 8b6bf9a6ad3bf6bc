"""Who the server believes about who asked, and how."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.mcp_server.http_process import START_LIMIT
from tests.mcp_server.processes import environment

PROGRAM = """
import json, sys
from recollect.mcp_server.address import Address
from recollect.serving.process import bound, run, serve
from recollect.settings import Settings

async def mirror(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    seen = json.dumps([scope["scheme"], scope["client"][0]]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": seen})

settings = Settings()
with bound(settings, "127.0.0.1", 0) as (listener, address):
    port = listener.getsockname()[1]
    said = lambda: print(f"port {port}", flush=True)
    run(settings, serve(settings, listener, address, lambda parts: mirror, said))
"""
"""The server's process with an application that answers what it was told of the request."""

Ask = Callable[..., tuple[str, str]]


@pytest.fixture
def mirror(tmp_path: Path) -> Generator[Callable[[str], Ask]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(trusted: str) -> Ask:
        log = tmp_path / "log"
        settings = {"RECOLLECT_TRUSTED_PROXIES": trusted, "RECOLLECT_HOME": str(tmp_path / "home")}
        with log.open("wb") as output:
            command = [sys.executable, "-c", PROGRAM]
            started.append(subprocess.Popen(command, stdout=output, stderr=output, env=environment(settings)))
        limit = time.monotonic() + START_LIMIT
        while (found := re.search(r"port (\d+)", log.read_text())) is None:
            assert started[-1].poll() is None, log.read_text()
            assert time.monotonic() < limit
            time.sleep(0.02)

        def ask(**headers: str) -> tuple[str, str]:
            connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=20)
            connection.request(
                "GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()}
            )
            scheme, client = json.loads(connection.getresponse().read())
            connection.close()
            return scheme, client

        return ask

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [
        ("", ("http", "127.0.0.1")),
        ("10.0.0.0/8", ("http", "127.0.0.1")),
        ("127.0.0.1", ("https", "203.0.113.7")),
        ("127.0.0.0/8, ::1", ("https", "203.0.113.7")),
    ],
)
def test_what_a_proxy_says_is_believed_only_of_proxies_in_the_settings(
    trusted: str, seen: tuple[str, str], mirror: Callable[[str], Ask]
) -> None:
    ask = mirror(trusted)
    assert ask(X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.7") == seen
    assert ask() == ("http", "127.0.0.1")
    # Who comes through a proxy may write the header too; what the proxy added itself stands last.
    assert ask(X_Forwarded_Proto="https", X_Forwarded_For="1.2.3.4, 203.0.113.7") == seen
    assert ask(Forwarded="for=1.2.3.4;proto=https") == ("http", "127.0.0.1")
