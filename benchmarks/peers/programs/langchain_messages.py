"""Items as LangChain's messages, for both of its ways to keep them."""

from __future__ import annotations

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from peer import Item


def native(item: Item) -> BaseMessage:
    kind, text, call = item
    if kind == "call":
        return AIMessage("", tool_calls=[{"id": call, "name": "f", "args": {}}])
    if kind == "result":
        return ToolMessage(text, tool_call_id=call)
    return HumanMessage(text) if kind == "user" else AIMessage(text)


def item(native: BaseMessage) -> Item:
    if isinstance(native, ToolMessage):
        return ("result", native.content, native.tool_call_id)
    if isinstance(native, AIMessage) and native.tool_calls:
        return ("call", "{}", native.tool_calls[0]["id"])
    return ("user" if isinstance(native, HumanMessage) else "assistant", native.content, "")
