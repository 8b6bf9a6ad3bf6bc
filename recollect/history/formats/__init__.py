"""Rendering of messages for a model: one module for each format."""

from __future__ import annotations

from typing import Literal, get_args

Format = Literal["text", "openai"]
FORMATS: tuple[Format, ...] = get_args(Format)
