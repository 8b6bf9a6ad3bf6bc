"""On every address of the machine: only requests that name this server, and pages that may."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.identity.provider import Provider
from tests.mcp_server.http_process import HEADERS, HttpProcess, bearer, request
from tests.mcp_server.processes import environment
from tests.mcp_server.protected.conftest import PUBLIC, Start, settings_for

APP = "https://app.example.com"
METADATA = "/.well-known/oauth-protected-resource/mcp"

PATHS = ("/mcp", "/sse", "/messages/", "/api/me/conversations", "/healthz", "/", METADATA)


@pytest.fixture(scope="module", params=["127.0.0.1", "0.0.0.0"])
def server(request: pytest.FixtureRequest, start: Start, provider: Provider) -> HttpProcess:
    more = {"RECOLLECT_ALLOWED_HOSTS": "backend:8080, Other.example", "RECOLLECT_ALLOWED_ORIGINS": APP}
    return start(settings_for(provider, **more), "--host", request.param)


def hosts(server: HttpProcess) -> tuple[str, ...]:
    return (
        "history.example.com",
        "history.example.com:443",
        "HISTORY.example.com",
        "backend:8080",
        "other.example",
        f"127.0.0.1:{server.port}",
        f"localhost:{server.port}",
        f"[::1]:{server.port}",
    )


def test_the_names_in_the_settings_are_accepted(server: HttpProcess, provider: Provider) -> None:
    for host in hosts(server):
        answer = server.send(request("tools/list"), Host=host, **bearer(provider.token()))
        assert answer.status == 200, host


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "history.example.com.evil.example",
        "evil.example#history.example.com",
        "history.example.com:8765",
        "backend",
        "backend:80",
        "127.0.0.1",
        "0.0.0.0",
        "",
        "history.example.com, evil.example",
        "history.example.com@evil.example",
    ],
)
def test_another_host_is_refused_on_every_path_before_the_token_is_looked_at(
    host: str, server: HttpProcess, provider: Provider
) -> None:
    for path in PATHS:
        for token in ({}, bearer(provider.token())):
            assert server.ask("GET", path, Host=host, **token).status == 421, path
            assert server.ask("POST", path, b"{}", Host=host, **HEADERS, **token).status == 421, path


@pytest.mark.parametrize("origin", [PUBLIC, APP, "https://other.example", "https://backend:8080"])
def test_a_page_that_may_is_told_so_by_cors(origin: str, server: HttpProcess, provider: Provider) -> None:
    for method in ("POST", "HEAD"):
        preflight = server.ask(
            "OPTIONS",
            "/mcp",
            Origin=origin,
            Access_Control_Request_Method=method,
            Access_Control_Request_Headers="authorization,content-type,mcp-protocol-version",
        )
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = server.send(request("tools/list"), Origin=origin, **bearer(provider.token()))
    assert answer.status == 200
    refused = server.send(request("tools/list"), Origin=origin)
    assert refused.status == 401
    for seen in (answer, refused):
        assert seen.headers["access-control-allow-origin"] == origin
        exposed = seen.headers["access-control-expose-headers"].lower().split(", ")
        assert {"www-authenticate", "x-request-id", "content-disposition"} <= set(exposed)
        assert "access-control-allow-credentials" not in seen.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://history.example.com",
        "https://history.example.com.evil.example",
        "https://app.example.com:444",
        "file://",
        "",
    ],
)
def test_another_page_is_refused_on_every_path(origin: str, server: HttpProcess, provider: Provider) -> None:
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            answer = server.ask(method, path, b"{}", Origin=origin, **HEADERS, **bearer(provider.token()))
            assert answer.status == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers


def test_to_listen_everywhere_the_server_needs_a_name(provider: Provider) -> None:
    settings = settings_for(provider)
    del settings["RECOLLECT_PUBLIC_URL"]
    for host in ("0.0.0.0", "::"):
        done = subprocess.run(
            [sys.executable, "-m", "recollect", "serve", "--host", host],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=environment(settings),
        )
        assert done.returncode == 2
        assert done.stderr.startswith("recollect: RECOLLECT_PUBLIC_URL: is needed to listen on")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "history.example.com"),
        ("PUBLIC_URL", "https://history.example.com/path"),
        ("PUBLIC_URL", "ftp://history.example.com"),
        ("ALLOWED_HOSTS", "https://history.example.com"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "app.example.com"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("TRUSTED_PROXIES", "*"),
    ],
)
def test_an_address_that_makes_no_sense_is_named(name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "recollect", "serve"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment({f"RECOLLECT_{name}": value}),
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"recollect: RECOLLECT_{name}: ")
    assert len(done.stderr.splitlines()) == 1
