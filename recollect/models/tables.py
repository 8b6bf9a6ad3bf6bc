"""The tables, and the single source of the schema: migrations are proved against these.

Imported by migrations and by applications that want to query with SQLModel; running verbs
do not need it, so that a server starts without SQLAlchemy.

Rules that keep the schema distributable by user (Citus): every primary key and unique index
contains `user_id`; no foreign key leaves the user; no trigger, no sequence.

Columns stand in the order of their alignment (8 bytes, 4 bytes, then variable), which saves
up to 16 bytes a row; those that a later revision added stand at the end, where PostgreSQL puts
them. The classes bear the tables' names; import the module, not the classes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    REAL,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SCHEMA = "recollect"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(referred_table_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)


class Table(SQLModel):
    """Base of our tables: a metadata of their own, apart from the application's."""

    metadata = metadata


def _timestamp(*, nullable: bool = False) -> Column[datetime]:
    default = None if nullable else text("now()")
    return Column(DateTime(timezone=True), nullable=nullable, server_default=default)


def _name(*, nullable: bool = False) -> Column[str]:
    # Collation C: names are compared, never sorted for people. It is faster, and an upgrade
    # of the operating system's collations cannot corrupt the indexes.
    return Column(Text(collation="C"), nullable=nullable)


SEARCH_VECTOR = (
    "(replace(' ' || strip(to_tsvector(CASE language WHEN 1 THEN 'pg_catalog.german'::regconfig WHEN 2 "
    "THEN 'pg_catalog.french'::regconfig WHEN 3 THEN 'pg_catalog.spanish'::regconfig WHEN 4 THEN "
    "'pg_catalog.portuguese'::regconfig WHEN 5 THEN 'pg_catalog.italian'::regconfig WHEN 6 THEN "
    "'pg_catalog.dutch'::regconfig WHEN 7 THEN 'pg_catalog.swedish'::regconfig WHEN 8 THEN "
    "'pg_catalog.russian'::regconfig WHEN 9 THEN 'pg_catalog.greek'::regconfig WHEN 10 THEN "
    "'pg_catalog.arabic'::regconfig WHEN 11 THEN 'pg_catalog.hindi'::regconfig ELSE "
    "'pg_catalog.english'::regconfig END, 'u0' || to_hex(hashtextextended(user_id, 0)) || ' ' || "
    "date_part('day', coalesce(occurred_at, created_at) AT TIME ZONE 'UTC')::integer::text || ' ' || "
    "(ARRAY['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', "
    "'october', 'november', 'december'])[ date_part('month', coalesce(occurred_at, created_at) AT TIME "
    "ZONE 'UTC')::integer] || ' ' || date_part('year', coalesce(occurred_at, created_at) AT TIME ZONE "
    "'UTC')::integer::text || ' ' || CASE WHEN terms IS NULL OR starts_with(terms, ' ') THEN "
    "coalesce(author || ' ', '') || replace(replace(replace(replace(CASE WHEN octet_length(text) < 1000 "
    "THEN text ELSE regexp_replace(left(text, 250000) COLLATE \"C\", E'\\\\S{255}', E'\\\\& ', 'g') END, "
    "'/', ' '), '.', ' '), '-', ' '), '<', ' ') ELSE '' END || coalesce(CASE WHEN octet_length(terms) < "
    "1000 THEN terms ELSE regexp_replace(terms COLLATE \"C\", E'\\\\S{255}', E'\\\\& ', 'g') END, "
    "'')))::text, ' ''', ' ''' || lpad(to_hex(hashtextextended(user_id, 0) & 31), 2, '0')))::tsvector"
)
"""What the search index holds of a message: a lexeme that is its user's own, its date, its author, and
its words, stemmed in its language. Each begins with the bucket of the user, one of 32: what the index lists
under a word are messages of those who share it, so that a search passes by few of other users'. Words of
more than 255 characters are cut, since a lexeme with its bucket may have 2,046 bytes.

Computed by the index alone, so that no row carries it. `search_keys_v2`, which asks the index, repeats this
expression, and `search_fused_v2`, which excludes by it; tests compare them."""


class Conversation(Table, table=True):
    """One conversation of one user. Its row lock is what gives messages their order.

    head_tokens:  `path_tokens` of the head.
    linear:       every message follows the one before it, and the head is the newest.
    """

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name="user_id"),
        CheckConstraint("char_length(id) BETWEEN 1 AND 200", name="id"),
        CheckConstraint("0 <= head_seq AND head_seq <= last_seq", name="head"),
        CheckConstraint("0 <= message_count AND message_count <= last_seq", name="message_count"),
        CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata"),
        Index("conversation_recent_idx", "user_id", text("updated_at DESC"), text("id DESC")),
        Index(
            "conversation_trash_idx", "user_id", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")
        ),
    )

    created_at: datetime = Field(sa_column=_timestamp())
    updated_at: datetime = Field(sa_column=_timestamp())
    archived_at: datetime | None = Field(default=None, sa_column=_timestamp(nullable=True))
    deleted_at: datetime | None = Field(default=None, sa_column=_timestamp(nullable=True))
    last_seq: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    head_seq: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    message_count: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    pinned: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    linear: bool = Field(default=True, sa_column=Column(Boolean, nullable=False, server_default=text("true")))
    user_id: str = Field(sa_column=_name())
    id: str = Field(sa_column=_name())
    title: str | None = Field(default=None, sa_column=Column(Text))
    instructions: str | None = Field(default=None, sa_column=Column(Text))
    metadata_: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    )
    forked_from: str | None = Field(default=None, sa_column=_name(nullable=True))
    head_tokens: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    forked_seq: int | None = Field(default=None, sa_column=Column(Integer))


class Message(Table, table=True):
    """One message. `seq` is gap-free per conversation and final; order is `seq`, never a clock.

    path_tokens:  the tokens of all messages from the start of the conversation to this one, along
                  its parents; at most the largest integer.
    parts:        exact content as JSON text with escapes, which keeps NUL and lone surrogates;
                  NULL where the message is one plain text.
    key:          the caller's idempotency key, on the first message of its append; fingerprint
                  is a hash of that whole append.
    kept_head:    on the first message of an append that branched off, where the conversation's head
                  was and stayed; a retry of that append says so too.
    terms:        what people look for and no parser finds in `text`, see `recollect.models.terms`;
                  NULL for most. With a blank in front it is indexed beside the text, else instead.
    language:     the place in `recollect.models.terms.LANGUAGES`; NULL is English.
    """

    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "conversation_id"],
            [f"{SCHEMA}.conversation.user_id", f"{SCHEMA}.conversation.id"],
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("user_id", "conversation_id", "seq"),
        CheckConstraint("seq > 0 AND parent_seq >= 0 AND parent_seq < seq", name="seq"),
        CheckConstraint("role IN ('system', 'developer', 'user', 'assistant', 'tool')", name="role"),
        CheckConstraint("token_count >= 0", name="token_count"),
        CheckConstraint("char_length(key) BETWEEN 1 AND 200", name="key"),
        CheckConstraint("(key IS NULL) = (fingerprint IS NULL)", name="fingerprint"),
        Index(
            "message_key_idx",
            "user_id",
            "conversation_id",
            "key",
            unique=True,
            postgresql_where=text("key IS NOT NULL"),
        ),
        # Where branches begin: empty for a linear conversation, which pays nothing for it.
        Index(
            "message_branch_idx",
            "user_id",
            "conversation_id",
            "seq",
            postgresql_include=["parent_seq"],
            postgresql_where=text("parent_seq <> seq - 1"),
        ),
        # No extension is needed: the user is a word of the message.
        Index(
            "message_search_idx",
            text(f"({SEARCH_VECTOR})"),
            postgresql_using="gin",
        ),
    )

    created_at: datetime = Field(sa_column=_timestamp())
    occurred_at: datetime | None = Field(default=None, sa_column=_timestamp(nullable=True))
    seq: int = Field(sa_column=Column(Integer, nullable=False))
    parent_seq: int = Field(sa_column=Column(Integer, nullable=False))
    token_count: int = Field(sa_column=Column(Integer, nullable=False))
    user_id: str = Field(sa_column=_name())
    conversation_id: str = Field(sa_column=_name())
    role: str = Field(sa_column=Column(Text, nullable=False))
    author: str | None = Field(default=None, sa_column=Column(Text))
    text: str = Field(sa_column=Column(Text, nullable=False))
    parts: Any | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    key: str | None = Field(default=None, sa_column=_name(nullable=True))
    fingerprint: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    metadata_: Any | None = Field(default=None, sa_column=Column("metadata", JSON(none_as_null=True)))
    path_tokens: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    kept_head: int | None = Field(default=None, sa_column=Column(Integer))
    terms: str | None = Field(default=None, sa_column=Column(Text))
    language: int | None = Field(default=None, sa_column=Column(SmallInteger))


class Summary(Table, table=True):
    """A compaction that the agent wrote of everything up to `upto_seq`. The log stays as it is."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "conversation_id"],
            [f"{SCHEMA}.conversation.user_id", f"{SCHEMA}.conversation.id"],
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("user_id", "conversation_id", "upto_seq"),
        CheckConstraint("upto_seq > 0", name="upto_seq"),
        CheckConstraint("token_count >= 0", name="token_count"),
    )

    created_at: datetime = Field(sa_column=_timestamp())
    upto_seq: int = Field(sa_column=Column(Integer, nullable=False))
    token_count: int = Field(sa_column=Column(Integer, nullable=False))
    user_id: str = Field(sa_column=_name())
    conversation_id: str = Field(sa_column=_name())
    content: str = Field(sa_column=Column(Text, nullable=False))


class Embedding(Table, table=True):
    """What a message is about, as a model's vector of length 1; empty where the model took no part of it.
    It can be made again at any time, so backups and exports leave it out.

    An array, not pgvector's type, so that the table is the same where there is no pgvector; without
    compression and in the row as long as it fits (docs/decisions/search-embeddings.md).
    """

    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "conversation_id"],
            [f"{SCHEMA}.conversation.user_id", f"{SCHEMA}.conversation.id"],
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("user_id", "conversation_id", "seq"),
    )

    seq: int = Field(sa_column=Column(Integer, nullable=False))
    user_id: str = Field(sa_column=_name())
    conversation_id: str = Field(sa_column=_name())
    model: str = Field(sa_column=_name())
    vector: list[float] = Field(sa_column=Column(ARRAY(REAL), nullable=False))


class Access_Token(Table, table=True):  # SQLModel makes it the table's name, in lower case
    """A personal access token. The token itself is stored nowhere; `hash` is its SHA-256.

    The user is a part of the token, so that it is looked up among that user's rows alone
    (docs/decisions/identity-access-tokens.md).
    """

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "hash"),
        CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name="user_id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name"),
        CheckConstraint("octet_length(hash) = 32", name="hash"),
        CheckConstraint(
            "cardinality(scopes) > 0 AND "
            "scopes <@ ARRAY['history:read'::text, 'history:write'::text, 'history:erase'::text]",
            name="scopes",
        ),
    )

    created_at: datetime = Field(sa_column=_timestamp())
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    last_used_at: datetime | None = Field(default=None, sa_column=_timestamp(nullable=True))
    user_id: str = Field(sa_column=_name())
    name: str = Field(sa_column=Column(Text, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
