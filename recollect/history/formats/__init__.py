"""Rendering of messages for a model: one module for each format, both directions."""

from __future__ import annotations

from typing import Literal, get_args

Format = Literal["text", "openai", "openai_responses", "anthropic", "gemini", "vercel"]
FORMATS: tuple[Format, ...] = get_args(Format)
