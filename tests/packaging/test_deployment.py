"""The files that run Recollect elsewhere, as far as they can be checked here."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recollect.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = ("Dockerfile", "compose.yaml", "deploy/recollect.service", "docs/deployment.md")


def compose() -> dict[str, Any]:
    # Imported by name: the package has no types.
    return importlib.import_module("yaml").safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"RECOLLECT_([A-Z_]+)", (ROOT / name).read_text(encoding="utf-8")))
    assert named
    assert named <= {field.upper() for field in Settings.model_fields} | {"CONFIG"}


def test_the_image_runs_without_privileges_and_looks_after_itself() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    last_stage = lines[max(index for index, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001" in last_stage
    assert any(line.startswith("HEALTHCHECK") for line in last_stage)
    copied = [
        word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()
    ]
    sources = [word for word in copied[1:] if word not in ("COPY", "./", "recollect")]
    assert all((ROOT / source).exists() for source in sources), sources
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert all(f"!{source}" in ignored for source in sources), sources


def test_the_servers_of_the_stack_are_those_that_the_proxy_knows() -> None:
    services = compose()["services"]
    servers = {name for name in services if name.startswith("recollect-")}
    proxied = re.findall(r"(recollect-\d+):8765", (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8"))
    assert set(proxied) == servers
    assert len(servers) == 2
    for name in servers:
        assert services[name]["read_only"] is True
        assert "ports" not in services[name]
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]


def test_what_the_stack_mounts_and_builds_is_there() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), (name, source)
        if "build" in service:
            assert (ROOT / service["build"] / "Dockerfile").exists(), name


@pytest.mark.skipif(shutil.which("caddy") is None, reason="needs caddy")
def test_the_proxy_s_configuration_is_valid(tmp_path: Path) -> None:
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", str(ROOT / "deploy/Caddyfile")],
        env={"DOMAIN": "history.example.com", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs docker compose")
def test_the_stack_is_valid() -> None:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=60, check=False)
    if plugin.returncode != 0:
        pytest.skip("needs docker compose")
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"],
        cwd=ROOT,
        env={"DOMAIN": "a.example", "OWNER_PASSWORD": "a", "LOGIN_PASSWORD": "b", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
