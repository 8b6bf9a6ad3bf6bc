"""The application's tables."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import Field, SQLModel


class Table(SQLModel):
    metadata = MetaData()


class Users(Table, table=True):
    id: str = Field(primary_key=True)
    email: str = Field(unique=True)


class Tasks(Table, table=True):
    id: int | None = Field(default=None, primary_key=True)
    # A deleted user's tasks go to the team.
    user_id: str | None = Field(default=None, foreign_key="users.id", ondelete="SET NULL", index=True)
    title: str
    done: bool = False
