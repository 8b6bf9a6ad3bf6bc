"""Where to connect: a PostgreSQL URL, as providers print it, turned into asyncpg's arguments.

libpq's rules hold: a parameter means what it means to psql, `sslmode=require` encrypts without
verifying, `+` is no space. What only libpq or some other driver understands is ignored where
that is harmless (`IGNORED`); anything else is refused by name, since a misspelt `sslmode` that
is silently dropped is a security hole. No message here repeats a value: any may be a secret.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote, urlencode

from recollect.models.errors import InvalidSetting

Pooler = Literal["auto", "none", "transaction"]

ARGUMENT = "database_url"

SSL_MODES = {
    "disable": "disable",
    "allow": "allow",
    "prefer": "prefer",
    "require": "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
    "no-verify": "require",  # node-postgres
    "true": "require",  # ssl=true, as JDBC and node-postgres write it
    "1": "require",  # requiressl=1 and ssl=1
    "false": "disable",
    "0": "prefer",  # requiressl=0
}

IGNORED = (
    # Tuning that asyncpg has not, or does by itself. It has no channel binding either.
    *("channel_binding", "client_encoding", "gssdelegation", "gssencmode", "keepalives"),
    *("keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts"),
    *("max_protocol_version", "min_protocol_version", "sslcertmode", "sslcompression", "sslsni"),
    "tcp_user_timeout",
    # What other drivers and frameworks add to a URL that is shared with them.
    *("binary_parameters", "connection_limit", "default_query_exec_mode", "pool_max_conns"),
    *("pool_size", "pool_timeout", "prepared_statement_name_func", "schema", "socket_timeout"),
    *("supa", "uselibpqcompat", "workaround"),
)

_TLS_FILES = (
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)
_SESSION_ATTRIBUTES = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
_NO_STATEMENTS = ("statement_cache_size", "prepared_statement_cache_size", "prepareThreshold")
_SCHEME = re.compile(r"postgres(ql)?(\+\w+)?", re.ASCII)
_PARAMETER_NAME = re.compile(r"[A-Za-z_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: asyncpg's arguments out of a URL as providers print it.

    connect_args:  keyword arguments for `asyncpg.connect`. Holds the password: never print it.
    pooler:        `transaction` and `none` are certain (the caller or the URL says so); `auto`
                   is found out at the first connection.
    """

    connect_args: dict[str, Any] = field(repr=False)
    pooler: Pooler

    def display(self) -> str:
        """The target without its password, for logs and `recollect doctor`. What the URL leaves out is
        where the driver, too, takes it from."""
        args, elsewhere = self.connect_args, os.environ.get
        hosts = _several(args.get("host") or elsewhere("PGHOST") or "localhost")
        ports = _several(args.get("port") or elsewhere("PGPORT") or 5432)
        where = ",".join(
            f"[{host}]:{port}" if ":" in host and host[0] != "/" else f"{host}:{port}"
            for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
        )
        user: str = args.get("user") or elsewhere("PGUSER", "")
        database: str = args.get("database") or elsewhere("PGDATABASE") or user
        return f"postgresql://{user}{'@' if user else ''}{where}/{database}"


def _several(value: object) -> list[str]:
    return (
        [str(one) for one in cast("list[object]", value)]
        if isinstance(value, list)
        else str(value).split(",")
    )


def parse_url(url: str, pooler: Pooler = "auto") -> Target:
    """Read a connection URL.

    url:     postgres:// or postgresql://, also with a driver (postgresql+asyncpg://).
    pooler:  the caller's word on a transaction-mode pooler in between; `auto` looks for hints
             in the URL and leaves the rest to the first connection.

    Raises: InvalidSetting; its text names the parameter, never a value.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise InvalidSetting(ARGUMENT, "must start with postgresql:// or postgres://")
    head, _, query = rest.partition("?")
    authority, _, path = head.partition("/")
    if "@" in path or ("@" in query and "@" not in authority):
        raise InvalidSetting(ARGUMENT, "percent-encode the password: / is %2F, ? is %3F, # is %23, @ is %40")
    login, _, places = authority.rpartition("@")
    user, _, password = login.partition(":")
    parameters = _parse_query(query)

    args: dict[str, Any] = {}
    # As with libpq, a parameter wins over the same thing before the question mark.
    _set(args, "user", parameters.pop("user", "") or _decode(user))
    _set(args, "password", parameters.pop("password", "") or _decode(password))
    _set(args, "database", parameters.pop("dbname", "") or parameters.pop("database", "") or _decode(path))
    hosts, ports = _parse_places(places, parameters)
    if hosts:
        args["host"], args["port"] = hosts, ports
    elif ports:
        args["port"] = ports[0]
    hint = _pooler_hint(hosts, ports, parameters)
    _add_tls(args, parameters)
    _add_session(args, parameters)

    for name in parameters:
        if name not in IGNORED:
            raise InvalidSetting(ARGUMENT, f"has the parameter {name}, which is not supported; remove it")
    return Target(args, hint if pooler == "auto" else pooler)


def _set(args: dict[str, Any], name: str, value: str) -> None:
    if value:
        args[name] = value


def _decode(value: str) -> str:
    try:
        decoded = unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidSetting(ARGUMENT, "percent-encoded characters must be UTF-8") from None
    if "\0" in decoded:
        raise InvalidSetting(ARGUMENT, "contains %00")
    return decoded


def _parse_query(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        if not _PARAMETER_NAME.fullmatch(name):
            raise InvalidSetting(ARGUMENT, "the part after ? must be name=value pairs joined by &")
        parameters[name] = _decode(value)
    return parameters


def _parse_places(places: str, parameters: dict[str, str]) -> tuple[list[str], list[int]]:
    """Hosts and their ports. A host that starts with / is the folder of a Unix socket."""
    hosts: list[str] = []
    ports: list[int] = []
    for place in filter(None, places.split(",")):
        bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d*))?", place)
        host, _, port = place.partition(":") if bracketed is None else (bracketed[1], "", bracketed[2])
        hosts.append(_decode(host))
        ports.append(_port(port) if port else 5432)
    named = parameters.pop("host", "") or ("" if hosts else parameters.pop("hostaddr", ""))
    if named:
        ports = ports if named.count(",") + 1 == len(hosts) else []
        hosts = named.split(",")
    if "port" in parameters:
        ports = [_port(port) for port in parameters.pop("port").split(",")]
    if not all(hosts):
        raise InvalidSetting(ARGUMENT, "has an empty host")
    if hosts and len(ports) <= 1:
        ports = (ports or [5432]) * len(hosts)
    if hosts and len(ports) != len(hosts):
        raise InvalidSetting(ARGUMENT, "must give one port, or one for each host")
    return hosts, ports


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise InvalidSetting(ARGUMENT, "a port must be a number from 1 to 65535; percent-encode : as %3A")
    return int(text)


def _pooler_hint(hosts: list[str], ports: list[int], parameters: dict[str, str]) -> Pooler:
    """What the URL tells about a transaction-mode pooler."""
    says_pgbouncer = parameters.pop("pgbouncer", "").lower() in ("true", "1")
    # Who turns prepared statements off in the URL has a pooler that cannot keep them.
    sizes = [parameters.pop(name, "") for name in _NO_STATEMENTS]
    if says_pgbouncer or "0" in sizes:
        return "transaction"
    if all(host.startswith("/") for host in hosts) and 6432 not in ports and 6543 not in ports:
        return "auto"
    for host, port in zip(hosts, ports, strict=True):
        label, _, domain = host.lower().partition(".")
        if label.endswith("-pooler") or port in (6432, 6543):
            return "transaction"
        # Both give every client a server session of its own, but behind a proxy that invents
        # backend ids, so that asking the server would take them for a pooler.
        if domain.endswith(("neon.tech", "neon.build")) or host.lower().endswith(".pooler.supabase.com"):
            return "none"
    return "auto"


def _add_tls(args: dict[str, Any], parameters: dict[str, str]) -> None:
    if parameters.get("gssencmode") == "require":
        raise InvalidSetting(
            ARGUMENT, "gssencmode=require asks for encryption by GSSAPI, which there is not; use sslmode"
        )
    given = parameters.pop("ssl", "") or parameters.pop("requiressl", "")
    mode = parameters.pop("sslmode", "") or given
    if mode and mode not in SSL_MODES:
        raise InvalidSetting(
            ARGUMENT, "sslmode must be disable, allow, prefer, require, verify-ca or verify-full"
        )
    mode = SSL_MODES.get(mode, "")
    negotiation = parameters.pop("sslnegotiation", "postgres")
    if negotiation not in ("postgres", "direct"):
        raise InvalidSetting(ARGUMENT, "sslnegotiation must be postgres or direct")
    if negotiation == "direct":
        args["direct_tls"] = True
    files = {name: parameters.pop(name) for name in _TLS_FILES if parameters.get(name)}

    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        if name in files and files[name] != "system" and not os.access(files[name], os.R_OK):
            raise InvalidSetting(ARGUMENT, f"{name} names a file that cannot be read")
    root = files.get("sslrootcert")
    if root == "system" and not mode:
        mode = "verify-full"
    if root == "system" and mode != "verify-full":
        raise InvalidSetting(ARGUMENT, "sslrootcert=system needs sslmode=verify-full")
    if mode == "verify-full" and (root == "system" or not (root or _home_root_certificate())):
        args["ssl"] = _system_trust(files)
        return
    if mode:
        args["ssl"] = mode
    if files:
        # asyncpg takes these in a DSN only.
        args["dsn"] = "postgresql://?" + urlencode(files)


def _home_root_certificate() -> bool:
    """Whether libpq's default root certificate is there; asyncpg then verifies against it."""
    try:
        return (Path.home() / ".postgresql" / "root.crt").exists()
    except (RuntimeError, OSError):
        return False


def _system_trust(files: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.keys() - {"sslrootcert", "sslcert", "sslkey", "sslpassword"}:
        raise InvalidSetting(ARGUMENT, "sslcrl and ssl_*_protocol_version need sslrootcert to name a file")
    if "sslcert" in files:
        try:
            context.load_cert_chain(
                files["sslcert"], files.get("sslkey"), lambda: files.get("sslpassword", "")
            )
        except OSError:  # ssl.SSLError is one
            raise InvalidSetting(ARGUMENT, "sslcert or sslkey cannot be read") from None
    return context


def _add_session(args: dict[str, Any], parameters: dict[str, str]) -> None:
    fallback = parameters.pop("fallback_application_name", "") or "recollect"
    settings = {"application_name": parameters.pop("application_name", "") or fallback}
    # As libpq does: word for word to the server. Neon reads `endpoint=…` out of it, a server
    # reads `-c name=value`; PgBouncer refuses it, to psql as well.
    _set(settings, "options", parameters.pop("options", ""))
    args["server_settings"] = settings
    attributes = parameters.pop("target_session_attrs", "")
    if attributes and attributes not in _SESSION_ATTRIBUTES:
        raise InvalidSetting(
            ARGUMENT, f"target_session_attrs must be one of {', '.join(_SESSION_ATTRIBUTES)}"
        )
    _set(args, "target_session_attrs", attributes)
    for name in ("passfile", "krbsrvname", "gsslib"):
        _set(args, name, parameters.pop(name, ""))
    timeout = parameters.pop("connect_timeout", "")
    if timeout:
        if not (timeout.isascii() and timeout.isdigit()):
            raise InvalidSetting(ARGUMENT, "connect_timeout must be a whole number of seconds")
        if int(timeout):  # 0 is no limit
            args["timeout"] = float(timeout)
