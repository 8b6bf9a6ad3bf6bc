"""Under which names clients reach this server, and which web pages may."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from recollect.models.errors import InvalidSetting
from recollect.settings import Settings

MCP_PATH = "/mcp"
SSE_PATH = "/sse"
API_PATH = "/api"

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, as clients write it.

    url:      such as https://history.example.com, without a path.
    hosts:    the accepted values of the Host header, in lower case.
    origins:  the web pages whose requests are accepted, as the Origin header names them.
    """

    url: str
    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings, host: str, port: int) -> Self:
        """The address of a server that listens on `host` and `port`.

        This machine's own names are always accepted: no name server can give them to a web page
        from elsewhere.

        Raises: InvalidSetting where it listens on all addresses and nobody said how it is called.
        """
        name = f"[{host}]" if ":" in host else host
        names = list(_LOOPBACK if is_everywhere(host) else (*_LOOPBACK, name))
        local = [f"{known}:{port}" for known in names] + (names if port == 80 else [])
        origins = [f"http://{authority}" for authority in local]
        url = settings.public_url
        if url is None:
            if is_everywhere(host):
                raise InvalidSetting(
                    "public_url",
                    f"is needed to listen on {host}: the address that clients use, such as "
                    "https://history.example.com (RECOLLECT_PUBLIC_URL)",
                )
            url = f"http://{name}:{port}"
        known = [urlsplit(url).netloc, *settings.allowed_hosts]
        hosts = [*local, *(spelled for entry in known for spelled in _spellings(entry))]
        origins += [url, *(f"https://{entry}" for entry in settings.allowed_hosts), *settings.allowed_origins]
        return cls(url, frozenset(map(str.lower, hosts)), frozenset(map(str.lower, origins)))

    def resources(self) -> tuple[str, ...]:
        """What a token for this server may be issued for: the server, or one of its doors."""
        return (
            self.url,
            f"{self.url}/",
            *(f"{self.url}{path}" for path in (MCP_PATH, SSE_PATH, API_PATH)),
        )

    def metadata_url(self, path: str) -> str:
        """Where the metadata of one door are (RFC 9728)."""
        return f"{self.url}/.well-known/oauth-protected-resource{path}"


def is_everywhere(host: str) -> bool:
    """Whether listening there means listening on every address of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _spellings(entry: str) -> tuple[str, ...]:
    """A host with a port is that alone; without one, the usual ports may be written too."""
    has_port = entry.rpartition("]")[2].count(":") == 1 if entry.startswith("[") else ":" in entry
    return (entry,) if has_port else (entry, f"{entry}:443", f"{entry}:80")
