"""The OpenAPI document: what FastAPI knows of the operations, and what it does not."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from recollect.api.operation import BEARER
from recollect.api.problems import MEDIA_TYPE
from recollect.api.schemas import Part, Problem
from recollect.identity.caller import READ, SCOPES, WRITE
from recollect.models.as_json import JsonObject
from recollect.models.parts import REQUIRED

DESCRIPTION = """Durable, user-scoped conversation history for AI agents.

Every address begins with the user: `me`, or the id of the token's own user. The token stands in
`Authorization: Bearer …` and nowhere else. Errors are problem details (RFC 9457); docs/rest.md
tells about order, retries, conflicts and exact content."""

PROBLEMS = {
    400: "The body is not JSON that can be read.",
    401: "There is no token, or it is not accepted.",
    403: "The token does not allow this.",
    404: "There is no such thing for this user.",
    409: "It does not fit the present state: it exists already, or is in the trash.",
    412: "The head is not the one in If-Match; nothing was stored.",
    408: "The body came too slowly.",
    413: "The request is too large.",
    415: "The body is not called what it has to be.",
    422: "An argument is not acceptable; the problem names it.",
    429: "This user asked for too much within a minute; Retry-After says when to come again.",
    503: "This cannot be done right now.",
}

_JSON_TYPES: dict[type | tuple[type, ...], str | list[str]] = {
    str: "string",
    dict: "object",
    (dict, str): ["object", "string"],
    (str, list): ["string", "array"],
}

_ALWAYS = (401, 403, 404, 422, 429, 503)
_OF_BODIES = (400, 408, 413, 415)
_MORE = {
    "create_conversation": (409,),
    "update_conversation": (409,),
    "append_messages": (409, 412),
    "load_context": (409,),
    "open_turn": (409,),
    "begin_turn": (409,),
    "switch_head": (409,),
    "fork_conversation": (409,),
    "save_summary": (409,),
}
"""What only some operations answer, by the operation's id."""

_HEADERS = {
    "ETag": "The conversation's head, as If-Match takes it.",
    "Location": "The address of what was made.",
    "Retry-After": "Seconds to wait, where waiting helps.",
    "WWW-Authenticate": "What the token lacks, and where to get one.",
}
_OF_PROBLEMS = {
    401: "WWW-Authenticate",
    403: "WWW-Authenticate",
    412: "ETag",
    429: "Retry-After",
    503: "Retry-After",
}
_MAKES = ("create_conversation", "append_messages", "open_turn", "begin_turn", "fork_conversation")
_HAS_HEAD = (
    *_MAKES,
    "get_conversation",
    "update_conversation",
    "delete_conversation",
    "restore_conversation",
    "list_messages",
    "load_context",
    "switch_head",
)
"""Whose answers carry a Location, and an ETag."""


def document(app: FastAPI) -> JsonObject:
    """The document of an application."""
    made = get_openapi(
        title="Recollect",
        version=version("recollect"),
        description=DESCRIPTION,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    schemas: JsonObject = made["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {name: schemas.get(name, schema) for name, schema in problem.pop("$defs").items()}
    schemas |= {"Problem": problem, "Part": _part()}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["headers"] = {
        name: {"description": about, "schema": {"type": "string"}} for name, about in _HEADERS.items()
    }
    made["components"]["securitySchemes"] = {BEARER: _bearer()}
    for path in made["paths"].values():
        for operation in path.values():
            _complete(operation)
    return without_titles(made)


def _part() -> JsonObject:
    """A part is one of these; each may carry any further field."""
    kinds = [
        {
            "type": "object",
            "properties": {"type": {"const": kind}}
            | {name: {"type": _JSON_TYPES[kinds]} for name, kinds in required},
            "required": ["type", *(name for name, _ in required)],
        }
        for kind, required in REQUIRED.items()
    ]
    return {"description": Part.__doc__, "oneOf": kinds}


def _bearer() -> JsonObject:
    about = f"An access token with the scopes of the operation: {', '.join(SCOPES)}. {WRITE} includes {READ}."
    return {"type": "http", "scheme": "bearer", "description": about}


def _complete(operation: JsonObject) -> None:
    """Say what goes wrong, and that a parameter is left out or a string, never null."""
    id = operation["operationId"]
    names = [name for name, ids in (("ETag", _HAS_HEAD), ("Location", _MAKES)) if id in ids]
    if names:
        for answer in operation["responses"].values():
            answer["headers"] = _headers(*names)
    body = _OF_BODIES if "requestBody" in operation else ()
    for status in sorted({*_ALWAYS, *body, *_MORE.get(id, ())}):
        operation["responses"][str(status)] = {
            "description": PROBLEMS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status in _OF_PROBLEMS:
            operation["responses"][str(status)]["headers"] = _headers(_OF_PROBLEMS[status])
    operation["responses"] = dict(sorted(operation["responses"].items()))
    for parameter in operation.get("parameters", []):
        schema: JsonObject = parameter["schema"]
        schema.pop("description", None)
        if "examples" in schema:
            parameter["example"] = schema.pop("examples")[0]
        choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
        if choices:
            schema |= choices[0]
        if parameter["name"] == "metadata":
            parameter["content"] = {"application/json": {"schema": {"type": "object"}}}
            del parameter["schema"]


def _headers(*names: str) -> JsonObject:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def without_titles(schema: Any) -> Any:
    """Without the titles that are made from the names of fields."""
    if isinstance(schema, list):
        return [without_titles(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    return {
        name: {inner: without_titles(value) for inner, value in cast("dict[str, Any]", item).items()}
        if name == "properties"
        else item
        if name in ("example", "examples", "info")
        else without_titles(item)
        for name, item in fields.items()
        if name != "title" or not isinstance(item, str)
    }
