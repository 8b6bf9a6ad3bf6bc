"""What the OpenAPI document says there is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

from recollect.api.app import create_api
from recollect.history.history import History
from recollect.identity.caller import Caller


class Nobody:
    async def authenticate(self, token: str | None) -> Caller:
        raise AssertionError("the document needs no caller")

    async def confirm(self, token: str | None) -> None:
        raise AssertionError("the document needs no caller")


async def nowhere(user_id: str) -> History:
    raise AssertionError("the document needs no store")


def never(caller: Caller) -> AsyncGenerator[str | None]:
    raise AssertionError("the document needs no changes")


DOCUMENT: dict[str, Any] = create_api(nowhere, Nobody(), never).openapi()


@dataclass(frozen=True)
class Operation:
    """parameters: (where, name); fields: of the body; scopes: alternatives."""

    id: str
    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]
    scopes: tuple[str, ...]
    spec: dict[str, Any]


def operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, spec in methods.items():
            yield Operation(
                id=spec["operationId"],
                method=method.upper(),
                path=path,
                parameters=tuple((one["in"], one["name"]) for one in spec.get("parameters", ())),
                fields=tuple(_fields(spec)),
                scopes=tuple(scope for one in spec["security"] for scope in one["bearer"]),
                spec=spec,
            )


def _fields(spec: dict[str, Any]) -> Iterator[str]:
    schema = spec.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        reference: str = schema["$ref"]
        yield from DOCUMENT["components"]["schemas"][reference.rsplit("/", 1)[1]]["properties"]
