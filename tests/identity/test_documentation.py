"""What docs/identity.md says is what the code takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from recollect.identity.caller import SCOPES
from recollect.issuer_settings import IssuerSettings
from recollect.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")

NAMES = ("Better Auth", "Neon Auth", "Supabase", "Auth0", "Clerk", "Keycloak", "Your own backend")


def test_every_preset_is_accepted_as_it_stands() -> None:
    presets = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)]
    assert len(presets) == len(NAMES)
    for preset in presets:
        secret = {"secret": "s" * 32} if "secret" in preset else {}
        Settings.model_validate({"issuers": [preset | secret]})
    named = re.findall(r"^\*\*(.+?)\*\*", TEXT.split("### Presets")[1], flags=re.MULTILINE)
    assert [name.split(" with")[0] for name in named] == list(NAMES)


def test_every_field_of_an_issuer_is_explained() -> None:
    table = TEXT.split("An entry has:")[1].split("\n\n")[1]
    assert re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE) == list(IssuerSettings.model_fields)


def test_every_scope_is_explained() -> None:
    assert re.findall(r"^\| `(history:\w+)`", TEXT, flags=re.MULTILINE) == list(SCOPES)


def test_every_variable_in_it_exists() -> None:
    known = {f"RECOLLECT_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"RECOLLECT_\w+", TEXT)) <= known
