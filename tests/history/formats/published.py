"""Payloads made from the types that the providers publish in their SDKs.

A TypedDict or a pydantic model becomes a strategy for the JSON objects that it allows: every field
that it requires, any of the others, and now and then a field that it does not know.
"""

from __future__ import annotations

import base64
import enum
import os
import types
import typing
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, Required, Union, get_args, get_origin

import typing_extensions
from hypothesis import strategies as st
from pydantic import BaseModel

TEXT = st.text(max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
_PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-99, 99),
    float: st.floats(-99, 99),
    bool: st.booleans(),
    bytes: st.binary(max_size=6).map(lambda raw: base64.b64encode(raw).decode()),
    object: JSON,
    Any: JSON,
    None: st.none(),
    type(None): st.none(),
}


def payloads(published: Any) -> st.SearchStrategy[Any]:
    """JSON values that are valid in a type from an SDK."""
    if published in _PLAIN:
        return _PLAIN[published]
    origin, arguments = get_origin(published), get_args(published)
    if origin in (typing.IO, os.PathLike):  # what the SDK reads, and sends in base64
        return _PLAIN[bytes]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([payloads(argument) for argument in arguments])
    if origin is typing.Annotated or origin in (Required, typing_extensions.NotRequired):
        return payloads(arguments[0])
    if origin is dict:
        return st.dictionaries(TEXT, payloads(arguments[1]), max_size=2)
    if origin is not None and issubclass(origin, Iterable):
        return st.lists(payloads(arguments[0]), max_size=2)
    if isinstance(published, type) and issubclass(published, enum.Enum):
        return st.sampled_from([member.value for member in published])
    return objects(published)


@st.composite
def objects(draw: st.DrawFn, published: Any) -> dict[str, Any]:
    """Drawn field by field, so that a failure is reported without the whole tree of types."""
    found: dict[str, Any] = {"x-unknown": draw(JSON)} if draw(st.integers(0, 3)) == 3 else {}
    for name, (needed, values) in _fields(published).items():
        if needed or draw(st.integers(0, 2)) == 2:
            found[name] = draw(values)
    return found


@cache
def _fields(published: Any) -> dict[str, tuple[bool, st.SearchStrategy[Any]]]:
    """The fields of a type: whether it has to be there, and its values."""
    if issubclass(published, BaseModel):
        return {
            field.alias or name: (field.is_required(), payloads(field.annotation))
            for name, field in published.model_fields.items()
        }
    needed = {Required, typing_extensions.Required}
    return {
        name: (get_origin(hint) in needed or published.__total__, payloads(hint))
        for name, hint in typing_extensions.get_type_hints(published, include_extras=True).items()
    }


def kinds(published: Any) -> set[str]:
    """The values of `type` that the members of a union allow."""
    if get_origin(published) in (Union, types.UnionType, typing.Annotated):
        return {kind for member in get_args(published) for kind in kinds(member)}
    if not isinstance(published, type):  # what else Annotated holds
        return set()
    if issubclass(published, BaseModel):
        hint = published.model_fields["type"].annotation
    else:
        hint = typing_extensions.get_type_hints(published).get("type")
    return {kind for kind in get_args(hint) if isinstance(kind, str)}


def lists_of(published: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(payloads(published), min_size=1, max_size=4)
