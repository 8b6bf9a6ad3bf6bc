"""Issuers in the settings: what is refused before the server starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from recollect.settings import Settings
from tests.mcp_server.processes import environment

JWKS = "https://idp.example/jwks"
SECRET = "s" * 32


def settings(*issuers: dict[str, Any]) -> Settings:
    return Settings.model_validate({"issuers": list(issuers)})


@pytest.mark.parametrize(
    "issuer",
    [
        {"issuer": "https://idp.example"},
        {"issuer": "http://localhost:3000"},
        {"issuer": "urn:todo", "jwks_url": JWKS},
        {"issuer": "https://idp.example/", "algorithms": ["EdDSA"], "audiences": ["a"], "namespace": "idp"},
        {"issuer": "todo", "secret": SECRET},
        {"issuer": "", "secret": SECRET, "audiences": []},
        {"issuer": "todo", "secret": "s" * 64, "algorithms": ["HS512"]},
    ],
)
def test_issuers_that_make_sense(issuer: dict[str, Any]) -> None:
    assert settings(issuer).issuers[0].issuer == issuer["issuer"]


@pytest.mark.parametrize(
    ("issuer", "problem"),
    [
        ({"issuer": "http://idp.example"}, "https"),
        ({"issuer": "idp.example"}, "https"),
        ({"issuer": "https://user:password@idp.example"}, "https"),
        ({"issuer": ""}, "empty"),
        ({"issuer": "", "jwks_url": JWKS}, "empty"),
        ({"issuer": "https://x", "jwks_url": "http://idp.example/jwks"}, "https"),
        ({"issuer": "https://x", "jwks_url": "file:///etc/passwd"}, "https"),
        ({"issuer": "https://x", "jwks_url": "https://["}, "https"),
        ({"issuer": "https://x", "audiences": []}, "audiences"),
        ({"issuer": "https://x", "audiences": [""]}, "at least 1 character"),
        ({"issuer": "https://x", "algorithms": ["HS256"]}, "takes a secret"),
        ({"issuer": "https://x", "algorithms": ["none"]}, "Input should be"),
        ({"issuer": "https://x", "namespace": "a:b"}, "pattern"),
        ({"issuer": "https://x", "scopes": ["history:all"]}, "Input should be"),
        ({"issuer": "x", "secret": "s" * 31}, "at least 32 bytes"),
        ({"issuer": "x", "secret": "s" * 40, "algorithms": ["HS256", "HS384"]}, "at least 48 bytes"),
        ({"issuer": "https://x", "secret": SECRET, "jwks_url": JWKS}, "exclude each other"),
        ({"issuer": "x", "secret": SECRET, "algorithms": ["RS256"]}, "HS256"),
        ({"issuer": "https://x", "jwks_uri": JWKS}, "not permitted"),
        ({}, "required"),
    ],
)
def test_issuers_that_do_not(issuer: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem) as refused:
        settings(issuer)
    assert "sss" not in str(refused.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"issuer": "https://a", "namespace": "b"}, "each issuer may stand there once"),
        ({"issuer": "https://a", "secret": SECRET, "namespace": "b"}, "each issuer may stand there once"),
        ({"issuer": "https://b"}, "its own namespace"),
    ],
)
def test_two_issuers_have_to_be_told_apart(second: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings({"issuer": "https://a"}, second)
    settings({"issuer": "https://a"}, {"issuer": "https://b", "namespace": "b"})


def serve(**more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recollect", "serve"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment({}) | more,
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("{", "RECOLLECT settings: error parsing value for field"),
        (json.dumps([{"issuer": "https://x", "secret": "top secret"}]), "RECOLLECT_ISSUERS[0]: secret must"),
        (json.dumps([{"issuer": "x", "scopes": ["a"]}]), "RECOLLECT_ISSUERS[0].scopes[0]: Input should be"),
    ],
)
def test_wrong_settings_are_named_in_one_line_without_their_values(value: str, line: str) -> None:
    done = serve(RECOLLECT_ISSUERS=value)
    assert done.returncode == 2
    assert done.stderr.startswith(f"recollect: {line}")
    assert len(done.stderr.splitlines()) == 1
    assert "top secret" not in done.stderr


def test_issuers_may_stand_in_the_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[[issuers]]\nissuer = "https://a"\n\n[[issuers]]\nissuer = "https://b"\nnamespace = "b"\n'
    )
    monkeypatch.setenv("RECOLLECT_CONFIG", os.fspath(file))
    assert [issuer.issuer for issuer in Settings().issuers] == ["https://a", "https://b"]
