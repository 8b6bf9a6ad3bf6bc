"""What was released once stays as it was: databases out there were made by it, and are not made again.

A function that has to do something else gets a new name (`append_v3.sql`) and a new revision that makes it;
its old one stays in `RETAINED` for the servers of the version before. When a version is released, what
is new in these folders joins the list below.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from recollect.db import sql

FOLDER = Path(sql.__file__).parent.parent

RELEASED = {
    "migrations/versions/0001_conversations.py": "cdad222d77f2ec4f",
    "migrations/versions/0002_paths.py": "dd382b03f575a245",
    "migrations/versions/0003_access_tokens.py": "56c608b2bdf4ceb8",
    "migrations/versions/0004_search.py": "766a2d020b2424e5",
    "migrations/versions/0005_embeddings.py": "036d32cf226229df",
    "migrations/versions/0006_search_buckets.py": "13d5503a1bc5cdd5",
    "sql/append_v1.sql": "5409edc0ce9e36b6",
    "sql/append_v2.sql": "90af3c769845255a",
    "sql/fork_v1.sql": "4f4f208fe2af1812",
    "sql/messages_v1.sql": "37b241d1de23b828",
    "sql/messages_v2.sql": "f5bdd1f22d31d2d8",
    "sql/open_v1.sql": "40aa77ffea02eaf0",
    "sql/path_v1.sql": "406768f134a5905a",
    "sql/search_fused_v1.sql": "9bb62796a7e8dbb3",
    "sql/search_fused_v2.sql": "8b77b6bd75608f87",
    "sql/search_keys_v1.sql": "b1b76fede049ea54",
    "sql/search_keys_v2.sql": "5f82ea149ae887ba",
    "sql/search_queries_v1.sql": "7bdc2664a915edd8",
    "sql/search_queries_v2.sql": "62082ac502d45f1a",
    "sql/search_v1.sql": "d30a01658e8ee3d0",
    "sql/search_v2.sql": "5f0c8d2ead2c3764",
    "sql/window_v1.sql": "e5fcc2366a446590",
    "sql/window_v2.sql": "24de0462b42c705e",
}
"""The revisions and functions of released versions, below recollect/db: file -> hash of its text."""


@pytest.mark.parametrize("file", RELEASED)
def test_a_released_file_is_what_it_was(file: str) -> None:
    text = (FOLDER / file).read_bytes()
    assert hashlib.blake2b(text, digest_size=8).hexdigest() == RELEASED[file], (
        f"{file} was released and changed since: databases that have it will not get the change. "
        "Restore it, and make a new function or revision"
    )


def test_a_revision_makes_only_what_was_released_with_it_or_before() -> None:
    """A released revision that loads an unreleased file would make another schema than it did."""
    functions = {Path(file).stem for file in RELEASED if file.startswith("sql/")}
    named = {path.stem for path in (FOLDER / "sql").glob("*_v*.sql")}
    for file in (file for file in RELEASED if file.startswith("migrations/")):
        text = (FOLDER / file).read_text(encoding="utf-8")
        assert {name for name in named if f'"{name}"' in text} <= functions, file
