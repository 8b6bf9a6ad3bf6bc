"""Encrypted connections to a real TLS endpoint: PgBouncer's, since the embedded server has none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import pytest

from recollect.db.database import Database
from recollect.db.target import parse_url
from recollect.models.errors import NotReady, Unavailable
from tests.pgbouncer import MISSING, pgbouncer, programs

pytestmark = [
    pytest.mark.skipif(not programs(), reason=MISSING),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make certificates with"),
]


def make_certificate(folder: Path, name: str, address: str) -> Path:
    """A self-signed certificate for one address; its key stands beside it."""
    certificate = folder / f"{name}.crt"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={address}")
    files = ("-keyout", str(folder / f"{name}.key"), "-out", str(certificate))
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return certificate


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path]:
    """The endpoint's own, and one of somebody else."""
    return make_certificate(tmp_path, "ours", "IP:127.0.0.1"), make_certificate(
        tmp_path, "other", "DNS:other"
    )


@pytest.fixture
def endpoint(certificates: tuple[Path, Path], database_url: str) -> Generator[str]:
    with pgbouncer(programs()[0], database_url, certificate=certificates[0]) as url:
        yield url


async def encrypted(url: str, patience: float = 10) -> bool:
    db = await Database.open(
        parse_url(url), pool_size=1, connect_timeout=patience, statement_timeout=5, max_idle=60
    )
    try:
        await db.call("SELECT 1", repeatable=True)
    finally:
        await db.close()
    return True


async def test_every_mode_connects_that_may(endpoint: str, certificates: tuple[Path, Path]) -> None:
    root = quote(str(certificates[0]))
    for mode in (
        "allow",
        "prefer",
        "require",
        f"verify-ca&sslrootcert={root}",
        f"verify-full&sslrootcert={root}",
    ):
        assert await encrypted(f"{endpoint}?sslmode={mode}&channel_binding=require")
    assert await encrypted(endpoint), "without sslmode, encryption is preferred, as with libpq"


async def test_a_certificate_that_cannot_be_verified_is_refused_at_once(
    endpoint: str, certificates: tuple[Path, Path]
) -> None:
    other = quote(str(certificates[1]))
    for mode in (
        "verify-full&sslrootcert=system",
        f"verify-full&sslrootcert={other}",
        f"verify-ca&sslrootcert={other}",
    ):
        with pytest.raises(NotReady, match="certificate could not be verified"):
            await encrypted(f"{endpoint}?sslmode={mode}")


async def test_a_name_that_is_not_in_the_certificate_is_refused(
    endpoint: str, certificates: tuple[Path, Path]
) -> None:
    elsewhere = endpoint.replace("127.0.0.1", "localhost")
    root = quote(str(certificates[0]))
    assert await encrypted(f"{elsewhere}?sslmode=verify-ca&sslrootcert={root}")
    with pytest.raises(NotReady, match="certificate could not be verified"):
        await encrypted(f"{elsewhere}?sslmode=verify-full&sslrootcert={root}")


async def test_a_file_that_holds_no_certificate_is_named_as_the_problem(
    endpoint: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.crt").write_text("nothing")
    root = quote(str(tmp_path / "empty.crt"))
    with pytest.raises(NotReady, match="sslrootcert"):
        await encrypted(f"{endpoint}?sslmode=verify-full&sslrootcert={root}")


@pytest.mark.parametrize("wrong", ["sslcert", "sslkey"])
async def test_a_client_s_certificate_or_key_that_is_none_is_named_as_the_problem(
    endpoint: str, certificates: tuple[Path, Path], tmp_path: Path, wrong: str
) -> None:
    authority, _ = certificates
    garbage = tmp_path / "garbage"
    garbage.write_text("garbage")
    files = {"sslcert": authority, "sslkey": authority.with_suffix(".key"), wrong: garbage}
    given = "&".join(f"{name}={file}" for name, file in files.items())
    with pytest.raises(NotReady, match="must name files in PEM format"):
        await encrypted(f"{endpoint}?sslmode=require&{given}")


async def test_an_endpoint_that_wants_encryption_or_has_none_is_unavailable(
    endpoint: str, database_url: str
) -> None:
    with pytest.raises(Unavailable):
        await encrypted(f"{endpoint}?sslmode=disable", 0.5)
    with pgbouncer(programs()[0], database_url) as plain, pytest.raises(Unavailable, match="sslmode"):
        await encrypted(f"{plain}?sslmode=require", 2)
