"""A connection URL means to Recollect what it means to psql; what it cannot honour, it names."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from recollect.db.target import Pooler, Target, parse_url
from recollect.models.errors import InvalidArgument

NEON = "ep-cool-darkness-123456"


def given(url: str, **expected: Any) -> None:
    """The arguments are those expected, besides the application's name."""
    arguments = parse_url(url).connect_args
    settings = arguments.pop("server_settings")
    assert settings.pop("application_name") == "recollect"
    if settings:
        arguments["server_settings"] = settings
    assert arguments == expected


def test_urls_as_providers_print_them(tmp_path: Path) -> None:
    bundle = tmp_path / "global-bundle.pem"
    bundle.touch()
    given(
        f"postgresql://alex:AbC123dEf@{NEON}-pooler.us-east-2.aws.neon.tech/dbname"
        "?sslmode=require&channel_binding=require",
        user="alex",
        password="AbC123dEf",
        host=[f"{NEON}-pooler.us-east-2.aws.neon.tech"],
        port=[5432],
        database="dbname",
        ssl="require",
    )
    given(
        "postgres://uabc:p0123@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d5k",  # Heroku
        user="uabc",
        password="p0123",
        host=["ec2-1-2-3-4.compute-1.amazonaws.com"],
        port=[5432],
        database="d5k",
    )
    given(
        "postgresql://postgres.abcdefgh:pw@aws-0-eu-central-1.pooler.supabase.com:6543/postgres"
        "?pgbouncer=true&connection_limit=1&supa=base-pooler.x",
        user="postgres.abcdefgh",
        password="pw",
        host=["aws-0-eu-central-1.pooler.supabase.com"],
        port=[6543],
        database="postgres",
    )
    given(
        "postgresql+asyncpg://u:p@db.abc.eu-west-1.rds.amazonaws.com/app"
        f"?sslmode=verify-full&sslrootcert={bundle}",
        user="u",
        password="p",
        host=["db.abc.eu-west-1.rds.amazonaws.com"],
        port=[5432],
        database="app",
        ssl="verify-full",
        dsn=f"postgresql://?sslrootcert={quote(str(bundle), safe='')}",
    )


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_the_driver_in_the_scheme_does_not_matter(scheme: str) -> None:
    given(f" {scheme}://u@h/d\n", user="u", host=["h"], port=[5432], database="d")


def test_places() -> None:
    given("postgresql:///d?host=/run/pg&port=5433", host=["/run/pg"], port=[5433], database="d")
    given("postgresql://u@%2Frun%2Fpg:5433/d", user="u", host=["/run/pg"], port=[5433], database="d")
    given(
        "postgresql://localhost/d?host=/cloudsql/a:b:c", host=["/cloudsql/a:b:c"], port=[5432], database="d"
    )
    given("postgresql://u@[::1]:6000/d", user="u", host=["::1"], port=[6000], database="d")
    given(
        "postgresql://[2001:db8::1],b:7,c/d",
        host=["2001:db8::1", "b", "c"],
        port=[5432, 7, 5432],
        database="d",
    )
    given("postgresql:///d?host=a,b&port=1,2", host=["a", "b"], port=[1, 2], database="d")
    given("postgresql:///d?host=a,b&port=9", host=["a", "b"], port=[9, 9], database="d")
    given(
        "postgresql://h?dbname=d&user=u&password=p",
        host=["h"],
        port=[5432],
        database="d",
        user="u",
        password="p",
    )
    given("postgresql://")


def test_percent_encoding() -> None:
    given(
        "postgresql://us%40er:p%3A%2F%3F%23%25%26+%C3%A9@h/d%20b",
        user="us@er",
        password="p:/?#%&+é",
        host=["h"],
        port=[5432],
        database="d b",
    )
    given("postgresql://u:a:b@h/d", user="u", password="a:b", host=["h"], port=[5432], database="d")


@pytest.mark.parametrize(
    ("parameters", "ssl_argument"),
    [
        ("sslmode=disable", "disable"),
        ("sslmode=allow", "allow"),
        ("sslmode=prefer", "prefer"),
        ("sslmode=require", "require"),
        ("sslmode=verify-ca", "verify-ca"),
        ("sslmode=no-verify", "require"),
        ("ssl=true", "require"),
        ("ssl=require", "require"),
        ("requiressl=1", "require"),
        ("ssl=true&sslmode=disable", "disable"),
    ],
)
def test_tls_modes(parameters: str, ssl_argument: str) -> None:
    given(f"postgresql://h/?{parameters}", host=["h"], port=[5432], ssl=ssl_argument)


@pytest.mark.parametrize(
    "parameters", ["sslmode=verify-full", "sslmode=verify-full&sslrootcert=system", "sslrootcert=system"]
)
def test_full_verification_without_a_file_trusts_the_system(
    parameters: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    context = parse_url(f"postgresql://h/?{parameters}").connect_args["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_full_verification_uses_the_certificate_where_libpq_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    given("postgresql://h/?sslmode=verify-full", host=["h"], port=[5432], ssl="verify-full")


def test_tls_files_and_direct_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a b.pem", "c.pem", "k.pem"):
        (tmp_path / name).touch()
    given(
        "postgresql://h/?sslmode=verify-ca&sslrootcert=a%20b.pem&sslcert=c.pem&sslkey=k.pem&sslnegotiation=direct",
        host=["h"],
        port=[5432],
        ssl="verify-ca",
        direct_tls=True,
        dsn="postgresql://?sslcert=c.pem&sslkey=k.pem&sslrootcert=a+b.pem",
    )


def test_session_parameters() -> None:
    target = parse_url("postgresql://h/?application_name=shop&options=-c%20geqo%3Doff%20-c%20search_path%3Da")
    assert target.connect_args["server_settings"] == {
        "application_name": "shop",
        "options": "-c geqo=off -c search_path=a",
    }
    options = parse_url(f"postgresql://h/?options=endpoint%3D{NEON}").connect_args["server_settings"][
        "options"
    ]
    assert options == f"endpoint={NEON}"
    given(
        "postgresql://h/?connect_timeout=7&target_session_attrs=read-write",
        host=["h"],
        port=[5432],
        timeout=7.0,
        target_session_attrs="read-write",
    )
    given("postgresql://h/?connect_timeout=0", host=["h"], port=[5432])


def test_what_cannot_do_harm_is_ignored() -> None:
    given("postgresql://h/?keepalives=1&gssencmode=disable&schema=public&sslsni=1&", host=["h"], port=[5432])


@pytest.mark.parametrize(
    ("place", "pooler"),
    [
        (f"{NEON}-pooler.us-east-2.aws.neon.tech/d", "transaction"),
        (f"{NEON}.us-east-2.aws.neon.tech/d", "none"),
        ("aws-0-eu-central-1.pooler.supabase.com:6543/d", "transaction"),
        ("aws-0-eu-central-1.pooler.supabase.com:5432/d", "none"),
        ("db.abc.supabase.co:5432/d", "auto"),
        ("localhost:6432/d", "transaction"),
        ("h/d?pgbouncer=true", "transaction"),
        ("h/d?pgbouncer=false", "auto"),
        ("h/d?statement_cache_size=0", "transaction"),
        ("h/d?prepared_statement_cache_size=0", "transaction"),
        ("h/d?statement_cache_size=50", "auto"),
        ("/d?host=/run/pg", "auto"),
        ("/d", "auto"),
    ],
)
def test_a_pooler_is_recognised_by_the_url(place: str, pooler: Pooler) -> None:
    assert parse_url(f"postgresql://{place}").pooler == pooler
    for said in ("none", "transaction"):
        assert parse_url(f"postgresql://{place}", said).pooler == said


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (SECRET, "must start with postgresql://"),
        (f"mysql://u:{SECRET}@h/d", "must start with postgresql://"),
        (f"u:{SECRET}@h/d", "must start with postgresql://"),
        (f"postgresql://u:{SECRET}/x@h/d", "percent-encode the password"),
        (f"postgresql://u:x?{SECRET}@h/d", "percent-encode the password"),
        (f"postgresql://u:{SECRET}@h:port/d", "a port must be a number"),
        (f"postgresql://u:{SECRET}@h:70000/d", "a port must be a number"),
        (f"postgresql://u:{SECRET}@h/d?port=1,2", "one port, or one for each host"),
        (f"postgresql://u:{SECRET}@:5432/d", "empty host"),
        (f"postgresql://u:{SECRET}%FF@h/d", "UTF-8"),
        (f"postgresql://u:{SECRET}%00@h/d", "%00"),
        (f"postgresql://u:{SECRET}@h/d?sslmode={SECRET}", "sslmode must be disable"),
        (f"postgresql://u:{SECRET}@h/d?sslmod=require", "has the parameter sslmod,"),
        (f"postgresql://u:{SECRET}@h/d?require_auth=scram-sha-256", "has the parameter require_auth,"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
        (f"postgresql://u:{SECRET}@h/d?gssencmode=require", "encryption by GSSAPI"),
        (
            f"postgresql://u:{SECRET}@h/d?target_session_attrs={SECRET}",
            "target_session_attrs must be one of any",
        ),
        (f"postgresql://u:{SECRET}@h/d?connect_timeout={SECRET}", "whole number of seconds"),
        (f"postgresql://u:{SECRET}@h/d?sslnegotiation={SECRET}", "postgres or direct"),
        (f"postgresql://u:{SECRET}@h/d?{SECRET} x=1", "name=value pairs"),
    ],
)
def test_a_refusal_names_the_problem_and_no_secret(url: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse_url(url)
    assert refused.value.argument == "database_url"
    assert problem in refused.value.problem
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_shown_of_a_target_has_no_password() -> None:
    target = parse_url(f"postgresql://u:{SECRET}@a:1,[::1]:2/d?sslpassword={SECRET}")
    assert target.display() == "postgresql://u@a:1,[::1]:2/d"
    assert SECRET not in repr(target)
    assert Target({}, "none").display() == "postgresql://localhost:5432/"
    assert parse_url("postgresql:///d?port=5433").display() == "postgresql://localhost:5433/d"
    assert Target({"host": "/run/pg", "port": 5433}, "none").display() == "postgresql:///run/pg:5433/"


def test_what_is_displayed_is_what_the_environment_completes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "a,b", "PORT": "5433", "USER": "u", "DATABASE": "d"}.items():
        monkeypatch.setenv(f"PG{name}", value)
    assert parse_url("postgresql://").display() == "postgresql://u@a:5433,b:5433/d"
    assert parse_url("postgresql://x@c:1/y").display() == "postgresql://x@c:1/y"
