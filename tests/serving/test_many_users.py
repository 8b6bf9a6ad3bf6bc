"""Hundreds of users on one server at once, through both doors: nothing of one reaches another."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.identity.provider import Provider, serving
from tests.mcp_server.http_process import HEADERS, HttpProcess, bearer, tool_call
from tests.mcp_server.protected.conftest import PUBLIC, settings_for
from tests.serving.conftest import Start, says

USERS = 200
AT_ONCE = 32
TURNS = 2


@pytest.fixture
def provider() -> Generator[Provider]:
    with serving() as provider:
        provider.add("one")
        provider.audience = PUBLIC
        yield provider


class Person:
    """One user on one connection, who says nothing but a number of their own."""

    def __init__(self, server: HttpProcess, number: int, token: str) -> None:
        self.mark = f"<{number}>"
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._token = bearer(token)

    def speak(self) -> str:
        """What all answers said together. Everybody uses the same ids, keys and numbers of requests."""
        answers: list[str] = []
        with closing(self._connection):
            answers += self._rest("POST", "/me/conversations", {"id": "talk", "title": self.mark})
            for turn in range(TURNS):
                answers += self._mcp(
                    "open_turn", conversation_id="talk", content=self.mark, key=f"asks-{turn}"
                )
                path = "/me/conversations/talk/messages"
                answers += self._rest("POST", path, says(self.mark), Idempotency_Key=f"answers-{turn}")
                answers += self._rest("POST", path, says(self.mark), Idempotency_Key=f"answers-{turn}")
            answers += self._rest("GET", "/me/conversations/talk/context?format=openai")
            answers += self._rest("GET", "/me/conversations?metadata={}")
            answers += self._mcp("load_context", conversation_id="talk")
            answers += self._mcp("list_conversations")
        return "\n".join(answers)

    def _mcp(self, tool: str, **arguments: Any) -> list[str]:
        status, body = self._ask("POST", "/mcp", tool_call(tool, **arguments), HEADERS)
        assert status == 200, body
        said = json.loads(body)
        assert said["id"] == 1
        assert said["result"].get("isError") is not True, said
        return [said["result"]["content"][0]["text"]]

    def _rest(self, method: str, path: str, content: Any = None, **headers: str) -> list[str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None if content is None else json.dumps(content).encode()
        status, body = self._ask(method, f"/api{path}", sent, {"Content-Type": "application/json", **named})
        assert status in (200, 201), body
        return [body.decode()]

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers | self._token)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def test_everybody_gets_their_own_answers_through_both_doors(serve: Start, provider: Provider) -> None:
    server = serve(**settings_for(provider, RECOLLECT_WORKERS="4", RECOLLECT_POOL_SIZE="5"))
    people = [Person(server, number, provider.token(sub=f"user-{number}")) for number in range(USERS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for person, said in zip(people, pool.map(Person.speak, people), strict=True):
            assert set(re.findall(r"<\d+>", said)) == {person.mark}
            assert f'"head":{2 * TURNS}' in said  # each key was stored once
            assert said.count(person.mark) > 4 * TURNS
