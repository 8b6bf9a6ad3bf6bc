"""Adding the server to clients' configurations, and taking it out again."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from recollect.cli.clients import CLIENTS, Client
from tests.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: no configuration of whoever runs the tests is touched."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("RECOLLECT_CONFIG", raising=False)
    return tmp_path


def servers(client: Client) -> dict[str, dict[str, object]]:
    text = CLIENTS[client].path().read_text()
    under = CLIENTS[client].under
    return tomllib.loads(text).get("mcp_servers", {}) if under is None else json.loads(text)[under]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_server_is_added_once_and_taken_out_again(recollect: Run, home: Path, client: Client) -> None:
    path = CLIENTS[client].path()
    assert path.is_relative_to(home)
    added = recollect("install", client, user_id="maria")
    assert added.code == 0, added.err
    entry = servers(client)["recollect"]
    assert Path(str(entry["command"])).is_absolute()
    assert os.access(str(entry["command"]), os.X_OK)
    assert entry["env"] == {"RECOLLECT_USER_ID": "maria"}
    assert "+" in added.out
    assert "already" in recollect("install", client, user_id="maria").out
    assert recollect("install", client, "--uninstall").code == 0
    assert servers(client) == {}
    assert "does not have" in recollect("install", client, "--uninstall").out


@pytest.mark.parametrize("client", CLIENTS)
def test_settings_in_any_script_arrive_as_they_are(recollect: Run, client: Client) -> None:
    user = 'Märta 🚆 "\\ \x7f'
    assert recollect("install", client, user_id=user).code == 0
    assert servers(client)["recollect"]["env"] == {"RECOLLECT_USER_ID": user}


@pytest.mark.parametrize("client", ["claude-desktop", "claude-code", "cursor", "vscode"])
def test_everything_else_in_the_file_stays_and_a_backup_is_kept(recollect: Run, client: Client) -> None:
    path = CLIENTS[client].path()
    under = CLIENTS[client].under or ""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = {"theme": "dünkel 🚆", under: {"other": {"command": "/bin/x"}}, "n": [1, 2.5]}
    path.write_text(json.dumps(before, indent=4, ensure_ascii=False))
    path.chmod(0o640)
    recollect("install", client)
    after = json.loads(path.read_text())
    assert list(after) == list(before)
    assert after[under].pop("recollect")
    assert after == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    (backup,) = path.parent.glob(f"{path.name}.*.bak")
    assert json.loads(backup.read_text()) == before
    recollect("install", client, "--uninstall")
    assert json.loads(path.read_text()) == before


def test_comments_of_a_toml_file_stay(recollect: Run) -> None:
    path = CLIENTS["codex"].path()
    path.parent.mkdir(parents=True)
    before = (
        '# mine\nmodel = "gpt-5"\n\n[mcp_servers.other]\ncommand = "/bin/x"\n\n[tui]\n# here too\nx = 1\n'
    )
    path.write_text(before)
    recollect("install", "codex")
    assert path.read_text().startswith(before.rstrip())
    assert set(servers("codex")) == {"other", "recollect"}
    recollect("install", "codex", user_id="other")
    assert path.read_text().count("[mcp_servers.recollect]") == 1
    recollect("install", "codex", "--uninstall")
    assert path.read_text().rstrip() == before.rstrip()


@pytest.mark.parametrize("content", ['{"mcpServers": {}, // mine\n}', "[]", '{"mcpServers": []}', '{"a": '])
def test_a_file_that_is_no_plain_json_is_left_alone(recollect: Run, content: str) -> None:
    path = CLIENTS["claude-code"].path()
    path.write_text(content)
    refused = recollect("install", "claude-code")
    assert refused.code == 1
    assert "nothing was changed" in refused.err
    assert path.read_text() == content
    assert list(path.parent.glob("*.bak")) == []


def test_a_dry_run_writes_nothing(recollect: Run) -> None:
    shown = recollect("install", "cursor", "--dry-run")
    assert "Nothing was written." in shown.out
    assert not CLIENTS["cursor"].path().exists()


def test_what_may_be_a_secret_is_not_copied(recollect: Run, home: Path) -> None:
    issuers = '[{"issuer": "", "secret": "hunter2-of-at-least-32-bytes-in-all", "audiences": []}]'
    given = {"database_url": "postgresql://me:hunter2@db.example/x", "issuers": issuers}
    done = recollect("install", "cursor", embeddings_key="hunter2", **given)
    assert "hunter2" not in CLIENTS["cursor"].path().read_text() + done.out + done.err
    assert (
        "Put database_url, embeddings_key, issuers into Recollect's configuration file instead: " in done.out
    )
    assert str(home) in done.out.splitlines()[-1]


def test_paths_hold_wherever_the_client_starts_the_server(
    recollect: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    Path("settings.toml").touch()
    assert recollect("install", "cursor", home="data", config="settings.toml").code == 0
    assert servers("cursor")["recollect"]["env"] == {
        "RECOLLECT_CONFIG": str(home / "settings.toml"),
        "RECOLLECT_HOME": str(home / "data"),
    }


def test_a_link_stays_a_link(recollect: Run, home: Path) -> None:
    real = home / "dotfiles.json"
    real.write_text("{}")
    CLIENTS["claude-code"].path().symlink_to(real)
    recollect("install", "claude-code")
    assert CLIENTS["claude-code"].path().is_symlink()
    assert "recollect" in json.loads(real.read_text())["mcpServers"]
