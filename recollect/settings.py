"""All settings, from the environment (`RECOLLECT_…`) or a configuration file.

Clients of an MCP server pass few environment variables on, so each setting may stand in
`config.toml` in the platform's configuration folder (or the file that `RECOLLECT_CONFIG`
names) instead, under the same name in lower case without the prefix. The environment wins.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from recollect.issuer_settings import IssuerSettings


def _split(value: object) -> object:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list that is written with commas in the environment."""


MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""Through every door: a message of 10 MB of which every character is escaped, and its frame."""


def config_file() -> Path:
    """The configuration file, whether or not it exists."""
    named = os.environ.get("RECOLLECT_CONFIG")
    return (
        Path(named) if named else platformdirs.user_config_path("recollect", appauthor=False) / "config.toml"
    )


class ConfigFileError(SettingsError):
    """The configuration file cannot be read, or RECOLLECT_CONFIG names one that is not there. The text
    names it and the place in it."""


class Settings(BaseSettings):
    """Every setting with its default. `database_url` unset means the embedded PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="RECOLLECT_", extra="ignore", populate_by_name=True)

    database_url: Annotated[
        SecretStr | None,
        Field(
            validation_alias=AliasChoices("RECOLLECT_DATABASE_URL", "DATABASE_URL", "database_url"),
            description="PostgreSQL to use, as your provider prints it; `DATABASE_URL` counts too. Unset:"
            " Recollect starts its own.",
        ),
    ] = None
    migration_url: Annotated[
        SecretStr | None,
        Field(description="Direct connection of the owning role, for migrations. Unset: the database URL."),
    ] = None
    replica_url: Annotated[
        SecretStr | None,
        Field(
            description="A read replica (hot standby) for searches and lists of conversations, which are then"
            " as old as it is. Unset: the database URL."
        ),
    ] = None
    pooler: Annotated[
        Literal["auto", "none", "transaction"],
        Field(description="Is there a transaction-mode pooler (PgBouncer) in between? `auto` finds out."),
    ] = "auto"
    pool_size: Annotated[int, Field(ge=1, le=200, description="Most connections one process opens.")] = 10
    connect_timeout: Annotated[
        float, Field(gt=0, description="Seconds to keep trying to connect, while a sleeping database wakes.")
    ] = 15.0
    statement_timeout: Annotated[float, Field(gt=0, description="Seconds one statement may take.")] = 30.0
    connection_max_idle: Annotated[
        float,
        Field(
            gt=0, description="Seconds after which an idle connection is replaced before a provider drops it."
        ),
    ] = 240.0
    home: Annotated[
        Path | None,
        Field(description="Folder of the embedded database; default: the platform's data folder."),
    ] = None
    user_id: Annotated[
        str, Field(min_length=1, max_length=255, description="The one user of a stdio or single-user server.")
    ] = "local"
    host: Annotated[
        str,
        Field(description="Address `recollect serve` listens on; without tokens only this machine's own."),
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port `recollect serve` listens on.")] = 8765
    issuers: Annotated[
        tuple[IssuerSettings, ...],
        Field(description="Whose tokens (JWTs) `recollect serve` accepts, as JSON; see docs/identity.md."),
    ] = ()
    access_tokens: Annotated[
        bool,
        Field(description="Whether `recollect serve` accepts tokens that `recollect token create` made."),
    ] = False
    public_url: Annotated[
        str | None,
        Field(
            description="Where clients reach `recollect serve`, such as `https://history.example.com`;"
            " default: the address it listens on. Tokens are issued for it."
        ),
    ] = None
    allowed_hosts: Annotated[
        Names,
        Field(description="More names that clients may use for it (the Host header), with commas between."),
    ] = ()
    allowed_origins: Annotated[
        Names,
        Field(
            description="Web pages whose requests are accepted (the Origin header), such as"
            " `https://app.example.com`, with commas between."
        ),
    ] = ()
    trusted_proxies: Annotated[
        Names,
        Field(
            description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto"
            " headers are believed, with commas between."
        ),
    ] = ()
    requests_per_minute: Annotated[
        int,
        Field(ge=0, description="Requests of one user that each process serves in a minute; 0: no limit."),
    ] = 600
    tokens_per_minute: Annotated[
        int,
        Field(ge=0, description="Tokens that one user may write in a minute, per process; 0: no limit."),
    ] = 2_000_000
    workers: Annotated[
        int, Field(ge=1, le=64, description="Processes that `recollect serve` runs; each has its own pool.")
    ] = 1
    loop: Annotated[
        Literal["auto", "asyncio"],
        Field(description="`auto`: uvloop and httptools where they are installed (`recollect[fast]`)."),
    ] = "auto"
    drain_timeout: Annotated[
        float,
        Field(ge=0, le=600, description="Seconds that requests under way get when the server is to end."),
    ] = 10.0
    max_message_bytes: Annotated[
        int, Field(ge=1, le=100_000_000, description="Largest message: its text and parts as JSON, in bytes.")
    ] = 10_000_000
    max_import_bytes: Annotated[
        int,
        Field(ge=1, description="Largest file that the REST API takes for an import, in bytes."),
    ] = 2_147_483_648
    max_batch_messages: Annotated[int, Field(ge=1, le=10_000, description="Most messages in one append.")] = (
        500
    )
    max_title_chars: Annotated[int, Field(ge=1, le=10_000, description="Longest title, in characters.")] = 500
    max_metadata_bytes: Annotated[
        int, Field(ge=2, le=1_000_000, description="Largest metadata object, as JSON, in bytes.")
    ] = 65_536
    embeddings_url: Annotated[
        str | None,
        Field(
            description="Where an OpenAI-compatible `/embeddings` is, such as `http://127.0.0.1:11434/v1`:"
            " the text of messages and queries is sent there, and search finds what they are about; see"
            " docs/search.md. Unset: search is by words, and nothing is sent."
        ),
    ] = None
    embeddings_model: Annotated[
        str | None, Field(min_length=1, max_length=200, description="The model to name there.")
    ] = None
    embeddings_key: Annotated[
        SecretStr | None, Field(description="The API key to show there, where one is needed.")
    ] = None
    embeddings_dimensions: Annotated[
        int | None,
        Field(ge=1, le=16_000, description="Numbers of a vector, for models that give fewer when asked."),
    ] = None
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="What is logged, on stderr.")
    ] = "WARNING"

    log_format: Annotated[
        Literal["text", "json"],
        Field(description="How `recollect serve` writes its log: a line of text or of JSON."),
    ] = "text"
    metrics: Annotated[
        bool,
        Field(
            description="Serve Prometheus metrics at /metrics, without content and ids; keep it from the"
            " outside."
        ),
    ] = True

    @field_validator("public_url")
    @classmethod
    def _public_url_is_an_origin(cls, url: str | None) -> str | None:
        return None if url is None else _origin(url)

    @field_validator("embeddings_url")
    @classmethod
    def _embeddings_url_is_a_base(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://localhost")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
            raise ValueError(
                "must be an http or https URL without a user and a query; the key has its own setting"
            )
        return url

    @model_validator(mode="after")
    def _embeddings_name_a_model(self) -> Self:
        if self.embeddings_url is not None and self.embeddings_model is None:
            raise ValueError(
                "RECOLLECT_EMBEDDINGS_URL needs RECOLLECT_EMBEDDINGS_MODEL, the model to use there"
            )
        return self

    @field_validator("allowed_origins")
    @classmethod
    def _origins_have_no_path(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(origin) for origin in origins)

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_have_no_scheme(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if any(host.startswith("*") or set(host) & set("/@?# ") for host in hosts):
            raise ValueError("each is a name, with a port if it is an unusual one: history.example.com:8443")
        return hosts

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy, strict=False)
        return proxies

    @field_validator("issuers")
    @classmethod
    def _issuers_are_told_apart(cls, issuers: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        if len({issuer.issuer for issuer in issuers}) < len(issuers):
            raise ValueError("each issuer may stand there once")
        if len({issuer.namespace for issuer in issuers}) < len(issuers):
            raise ValueError("each needs its own namespace: two issuers may give out the same user id")
        return issuers

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        unknown = init_settings().keys() - cls._names()
        if unknown:  # a misspelt database_url would mean the embedded PostgreSQL
            raise TypeError(
                f"there is no setting {', '.join(sorted(unknown))}; the README lists what there is"
            )
        path = config_file()
        if path.is_dir():
            raise ConfigFileError(f"{path} is a folder; name a file, or move the folder away")
        if os.environ.get("RECOLLECT_CONFIG") and not path.exists():
            # Without it the database would be another one: the embedded PostgreSQL, most of the time.
            raise ConfigFileError(
                f"RECOLLECT_CONFIG names {path}, which is not there; correct it, or unset it"
            )
        try:
            file = TomlConfigSettingsSource(settings_cls, toml_file=path)
        except OSError as error:
            raise ConfigFileError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:  # no TOML, or no text
            raise ConfigFileError(f"{path} is not TOML: {error}; mend it, or move it away") from error
        return init_settings, env_settings, file

    @classmethod
    def _names(cls) -> set[str]:
        """What a program may call the settings: as the configuration file or the environment does."""
        aliases = [field.validation_alias for field in cls.model_fields.values()]
        choices = [alias.choices for alias in aliases if isinstance(alias, AliasChoices)]
        return {*cls.model_fields, *(name for names in choices for name in names if isinstance(name, str))}

    def data_home(self) -> Path:
        """The folder that holds the embedded database."""
        return self.home or platformdirs.user_data_path("recollect", appauthor=False)


def _origin(url: str) -> str:
    """Scheme, host and port, as a browser writes an origin."""
    parts = urlsplit(url)
    bare = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
    if not bare or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be an http or https URL without a path, such as https://history.example.com")
    return f"{parts.scheme}://{parts.netloc}".lower()
