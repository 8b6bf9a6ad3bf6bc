"""What each provider demands of a conversation, written from its documentation and not from our renderers.

Each returns what is wrong, one line each; nothing for a list that the provider accepts.

OpenAI chat:  platform.openai.com/docs/api-reference/chat/create and the guide to function calling.
Responses:    platform.openai.com/docs/api-reference/responses/create and the guide to reasoning.
Anthropic:    docs.anthropic.com: Messages, "Handle tool results", "Extended thinking", "Errors".
Gemini:       ai.google.dev/api/caching#Content and the guide to function calling.
Vercel:       ai-sdk.dev: UIMessage, validateUIMessages.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, cast

Json = dict[str, Any]


def listed(content: Any) -> list[Json]:
    """The blocks of a content that is a list."""
    return cast("list[Json]", content) if isinstance(content, list) else []


def openai(messages: list[Json]) -> list[str]:
    wrong: list[str] = []
    pending: list[str] = []
    for at, message in enumerate(messages):
        role: str = message["role"]
        content: Any = message.get("content")
        if role not in ("developer", "system", "user", "assistant", "tool", "function"):
            wrong.append(f"{at}: role {role}")
        if role in ("tool", "function"):
            answered = message["tool_call_id"] if role == "tool" else message["name"]
            if answered not in pending:
                wrong.append(f"{at}: a tool message that answers no preceding tool call")
            else:
                pending.remove(answered)
            if any(part["type"] != "text" for part in listed(content)):
                wrong.append(f"{at}: a tool message holds more than text")
            continue
        if pending:
            wrong.append(f"{at}: calls {pending} are not followed by tool messages")
        calls: list[Json] = message.get("tool_calls", []) if role == "assistant" else []
        pending = [call["id"] for call in calls]
        if "function_call" in message:
            pending.append(message["function_call"]["name"])
        if "tool_calls" in message and not calls:
            wrong.append(f"{at}: tool_calls is empty")
        if role == "assistant":
            if not (pending or content or message.get("refusal") or message.get("audio")):
                wrong.append(f"{at}: neither content nor calls")
            kinds = {"text", "refusal"}
        else:
            if content is None or content == []:
                wrong.append(f"{at}: no content")
            kinds = {"text", "image_url", "input_audio", "file"} if role == "user" else {"text"}
        wrong += [f"{at}: {part['type']} in {role}" for part in listed(content) if part["type"] not in kinds]
        wrong += [f"{at}: id {call['id']}" for call in calls if not 0 < len(call["id"]) <= 40]
        for call in calls:
            body = call[call["type"]]
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", body["name"]):
                wrong.append(f"{at}: name {body['name']}")
            if not isinstance(body["arguments" if call["type"] == "function" else "input"], str):
                wrong.append(f"{at}: arguments are no string")
        if "name" in message and not re.fullmatch(r"[^\s<|\\/>]{1,64}", message["name"]):
            wrong.append(f"{at}: name {message['name']}")
    return wrong + [f"calls {pending} are not followed by tool messages" for _ in pending[:1]]


def openai_responses(items: list[Json]) -> list[str]:
    wrong: list[str] = []
    calls = {item["call_id"]: item["type"] for item in items if str(item.get("type")).endswith("_call")}
    answers = {
        item.get("call_id", item.get("id")): item["type"]
        for item in items
        if str(item.get("type")).endswith("_call_output")
    }
    wrong += [
        f"no output for {kind} {call}"
        for call, kind in calls.items()
        if answers.get(call) != f"{kind}_output"
    ]
    wrong += [
        f"no call for {kind} {call}" for call, kind in answers.items() if f"{calls.get(call)}_output" != kind
    ]
    seen: set[str] = set()
    for at, item in enumerate(items):
        kind = item.get("type", "message")
        if kind.endswith("_call"):
            seen.add(item["call_id"])
            if not 0 < len(item["call_id"]) <= 64:
                wrong.append(f"{at}: call_id {item['call_id']}")
            if "name" in item and not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", item["name"]):
                wrong.append(f"{at}: name {item['name']}")
        elif kind.endswith("_call_output") and item.get("call_id", item.get("id")) not in seen:
            wrong.append(f"{at}: an output before its call")
        elif kind == "reasoning":
            after = next((later for later in items[at + 1 :] if later.get("type") != "reasoning"), Json())
            if not after.get("type", "").endswith("_call") and after.get("role") != "assistant":
                wrong.append(f"{at}: reasoning without the item that it led to")
        elif kind == "message":
            wrong += _responses_message(at, item)
    return wrong


def _responses_message(at: int, item: Json) -> list[str]:
    role, content = item["role"], item["content"]
    if not content:
        return [f"{at}: no content"]
    if isinstance(content, str):
        return []
    kinds = {"output_text", "refusal"} if role == "assistant" else {"input_text", "input_image", "input_file"}
    return [f"{at}: {part['type']} in {role}" for part in content if part["type"] not in kinds]


def anthropic(messages: list[Json]) -> list[str]:
    wrong: list[str] = []
    ids: Counter[str] = Counter()
    if messages and messages[0]["role"] != "user":
        wrong.append("the first message is not the user's")
    expected: set[str] = set()
    for at, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if role not in ("user", "assistant") or (at and role == messages[at - 1]["role"]):
            wrong.append(f"{at}: {role} after {messages[at - 1]['role']}")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            wrong.append(f"{at}: no content")
        for block in blocks:
            wrong += [f"{at}: {problem}" for problem in _anthropic_block(role, block)]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if set(answered) != expected or len(answered) != len(expected):
            wrong.append(f"{at}: results {answered} for calls {sorted(expected)}")
        if [block["type"] == "tool_result" for block in blocks[: len(answered)]] != [True] * len(answered):
            wrong.append(f"{at}: results do not come first")
        called = [block["id"] for block in blocks if block["type"] == "tool_use"]
        ids.update(called)
        expected = set(called)
        if role == "assistant" and blocks and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
            wrong.append(f"{at}: ends in thinking")
    wrong += [f"id {call} stands {count} times" for call, count in ids.items() if count > 1]
    return wrong + ([f"no results for {sorted(expected)}"] if expected else [])


def _anthropic_block(role: str, block: Json) -> list[str]:
    kind = block["type"]
    in_user = {"text", "image", "document", "tool_result", "search_result"}
    in_assistant = {"text", "thinking", "redacted_thinking", "tool_use"}
    if kind not in (in_user if role == "user" else in_assistant):
        return [f"{kind} in {role}"]
    if kind == "text" and not block["text"].strip():
        return ["blank text"]
    if kind == "thinking" and not block["signature"]:
        return ["thinking without a signature"]
    if kind == "tool_use":
        right = re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]) and re.fullmatch(
            r"[a-zA-Z0-9_-]{1,128}", block["name"]
        )
        return [] if right and isinstance(block["input"], dict) else [f"tool_use {block}"]
    if kind == "tool_result":
        inside = {"text", "image", "document", "search_result"}
        wrong = [
            f"{item['type']} in a result" for item in listed(block["content"]) if item["type"] not in inside
        ]
        return wrong + [
            problem for item in listed(block["content"]) for problem in _anthropic_block("user", item)
        ]
    if kind == "image" and block["source"]["type"] == "base64":
        known = ("image/jpeg", "image/png", "image/gif", "image/webp")
        return [] if block["source"]["media_type"] in known else [block["source"]["media_type"]]
    return []


def gemini(contents: list[Json]) -> list[str]:
    wrong: list[str] = []
    if contents and contents[0]["role"] != "user":
        wrong.append("the first content is not the user's")
    calls: list[Json] = []
    for at, content in enumerate(contents):
        if content["role"] not in ("user", "model") or (at and content["role"] == contents[at - 1]["role"]):
            wrong.append(f"{at}: {content['role']} after {contents[at - 1]['role']}")
        parts = content["parts"]
        data = {"text", "functionCall", "functionResponse", "inlineData", "fileData"}
        if not parts or any(len(part.keys() & data) != 1 for part in parts):
            wrong.append(f"{at}: not exactly one kind of data in each part")
        if any(part.get("text") == "" and "thoughtSignature" not in part for part in parts):
            wrong.append(f"{at}: an empty text")
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if [(call.get("id"), call["name"]) for call in calls] != [
            (answer.get("id"), answer["name"]) for answer in answers
        ]:
            wrong.append(f"{at}: responses {answers} to calls {calls}")
        if any(not isinstance(answer["response"], dict) for answer in answers):
            wrong.append(f"{at}: a response is no object")
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        if calls and content["role"] != "model":
            wrong.append(f"{at}: the user calls")
        named = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
        right = [call for call in calls if named.fullmatch(call["name"]) and isinstance(call["args"], dict)]
        wrong += [f"{at}: {len(calls) - len(right)} malformed calls"] if calls != right else []
    return wrong + ([f"no responses to {calls}"] if calls else [])


def vercel(messages: list[Json]) -> list[str]:
    wrong = [
        f"the id {name} stands twice"
        for name, count in Counter(m["id"] for m in messages).items()
        if count > 1
    ]
    for at, message in enumerate(messages):
        role, parts = message["role"], message["parts"]
        if role not in ("system", "user", "assistant") or not isinstance(message["id"], str):
            wrong.append(f"{at}: role {role}, id {message['id']}")
        if not parts:
            wrong.append(f"{at}: no parts")
        for part in parts:
            kind = part["type"]
            needed: dict[str, tuple[str, ...]] = {
                "text": ("text",),
                "reasoning": ("text",),
                "file": ("mediaType", "url"),
                "step-start": (),
            }
            if kind.startswith("tool-") or kind == "dynamic-tool":
                if role != "assistant":
                    wrong.append(f"{at}: the {role} calls")
                answers = {"output-available": "output", "output-error": "errorText"}
                if at == len(messages) - 1:  # the SDK goes on with it
                    answers["approval-responded"] = "approval"
                answer = answers.get(part["state"])
                if answer is None or answer not in part:
                    wrong.append(f"{at}: a call without its output")
                needed[kind] = ("toolCallId", "input")
            if kind not in needed or any(name not in part for name in needed[kind]):
                wrong.append(f"{at}: part {part}")
            if kind == "reasoning" and role != "assistant":
                wrong.append(f"{at}: the {role} reasons")
    return wrong


VALIDATORS = {
    "openai": openai,
    "openai_responses": openai_responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "vercel": vercel,
}
