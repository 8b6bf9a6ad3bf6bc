"""server.json, which the MCP registry publishes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "server.schema.json").read_text())
ENTRY: dict[str, Any] = json.loads((ROOT / "server.json").read_text())


def test_it_satisfies_the_schema_that_the_registry_publishes():
    jsonschema.validate(ENTRY, SCHEMA)
    assert ENTRY["$schema"] == SCHEMA["$id"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "recollect"},
        {"description": "x" * 101},
        {"version": None},
        {"packages": [{"registryType": "pypi"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_copy_of_the_schema_still_refuses_what_the_registry_refuses(change: dict[str, Any]):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(ENTRY | change, SCHEMA)


def test_it_has_the_version_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (package,) = ENTRY["packages"]
    assert (package["identifier"], package["version"], ENTRY["version"]) == (
        project["name"],
        project["version"],
        project["version"],
    )


def test_the_readme_carries_the_name_by_which_the_registry_proves_who_owns_the_package():
    assert f"<!-- mcp-name: {ENTRY['name']} -->" in (ROOT / "README.md").read_text()


def test_connection_strings_are_marked_as_secrets():
    (package,) = ENTRY["packages"]
    urls = [entry for entry in package["environmentVariables"] if entry["name"].endswith("_URL")]
    assert urls
    assert all(entry["isSecret"] for entry in urls)
