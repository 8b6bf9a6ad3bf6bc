"""Nothing that somebody said, no token and no connection string in a log line, a span, a metric or
an error, whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_sql
from tests.identity.provider import Provider, serving
from tests.mcp_server.http_process import HEADERS, HttpProcess, bearer, call, tool_call
from tests.mcp_server.protected.conftest import settings_for
from tests.serving.conftest import Start, rest, says

SAID = "what-alice-said"
PASSWORD = "s3cret-of-the-database"

# `recollect` with spans that are written to a file.
TRACED = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=open(sys.argv.pop(1), "w", 1))))
trace.set_tracer_provider(provider)
from recollect.cli.main import main
main()
"""


class Watched:
    """A server that logs all it can and writes spans; everything that it gives out is kept."""

    def __init__(self, server: HttpProcess, provider: Provider, spans: Path) -> None:
        self.server = server
        self.token = provider.token(scope="history:read history:write history:erase")
        self._spans = spans
        self._answers: list[bytes] = []

    def rest(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        answer = rest(self.server, method, path, body, **bearer(self.token), **headers)
        self._answers.append(b"" if answer.status < 400 else answer.body)
        return answer.status

    def mcp(self, tool: str, **arguments: Any) -> int:
        answer = call(self.server, self.token, tool, **arguments)
        failed = answer.status >= 400 or b'"isError":true' in answer.body.replace(b" ", b"")
        self._answers.append(answer.body if failed else b"")
        return answer.status

    def raw(self, body: bytes) -> None:
        answer = self.server.ask("POST", "/mcp", body, **HEADERS, **bearer(self.token))
        self._answers.append(answer.body if answer.status >= 400 else b"")

    def spans(self) -> str:
        return self._spans.read_text(encoding="utf-8")

    def given_out(self) -> dict[str, str]:
        """Everything that anybody but alice may read, and what she is told of failures."""
        return {
            "log": self.server.log(),
            "spans": self.spans(),
            "metrics": self.server.ask("GET", "/metrics").body.decode(),
            "errors": b"\n".join(self._answers).decode(),
        }


@pytest.fixture(params=["json", "text"])
def watched(request: pytest.FixtureRequest, serve: Start, database_url: str, tmp_path: Path) -> Any:
    spans = tmp_path / "spans"
    url = database_url.replace("postgresql://recollect@", f"postgresql://recollect:{PASSWORD}@")
    assert PASSWORD in url
    with serving() as provider:
        provider.add("one")
        provider.audience = "https://history.example.com"
        settings = settings_for(provider, RECOLLECT_LOG_LEVEL="DEBUG", RECOLLECT_LOG_FORMAT=request.param)
        server = serve(("-c", TRACED, str(spans)), **settings | {"RECOLLECT_DATABASE_URL": url})
        yield Watched(server, provider, spans)


def test_nothing_leaks_when_all_goes_well_or_is_refused(watched: Watched) -> None:
    metadata = {"said": SAID}
    assert (
        watched.rest("POST", "/me/conversations", {"id": "talk", "title": SAID, "metadata": metadata}) == 201
    )
    messages = "/me/conversations/talk/messages"
    assert watched.rest("POST", messages, says(SAID), Idempotency_Key="k") == 201
    assert (
        watched.rest("GET", f"/me/conversations?title={SAID}&metadata=%7B%22said%22:%22{SAID}%22%7D") == 200
    )
    assert watched.rest("GET", "/me/conversations/talk/context") == 200
    # Refused, each for another reason.
    assert watched.rest("POST", messages, says(SAID + "!"), Idempotency_Key="k") == 422
    assert watched.rest("POST", messages, {"messages": [{"role": SAID, "content": SAID, "x": SAID}]}) == 422
    assert (
        watched.rest("POST", messages, {"messages": [{"role": "user", "content": [{"type": SAID}]}]}) == 422
    )
    assert watched.rest("POST", messages, {"messages": SAID, "format": SAID}) == 422
    assert watched.rest("POST", messages, says(SAID), If_Match=SAID) == 422
    assert watched.rest("PATCH", "/me/conversations/talk", {"title": [SAID], "pinned": SAID}) == 422
    assert watched.rest("GET", f"/me/conversations?limit={SAID}") == 422
    assert watched.rest("GET", f"/me/conversations?cursor={SAID}") == 422
    assert watched.rest("GET", f"/me/conversations/talk/messages/{SAID}") == 422
    assert watched.rest("GET", f"/{SAID}/conversations") == 404
    assert watched.rest("GET", f"/{SAID}") == 405
    assert watched.rest("GET", f"/me/conversations?access_token={watched.token}") == 422
    watched.mcp("append_message", conversation_id="talk", role="user", content=SAID)
    watched.mcp("append_message", conversation_id="talk", role=SAID, content=SAID)
    watched.mcp("append_messages", conversation_id="talk", messages=f"[{SAID}")
    watched.mcp("list_messages", conversation_id="talk", limit=SAID)
    watched.mcp("load_context", conversation_id="talk", max_tokens={"a": SAID})
    watched.raw(tool_call("append_message", content=SAID)[:-3])
    watched.raw(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": SAID}).encode())
    watched.raw(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": SAID}}).encode()
    )
    watched.raw(
        json.dumps(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"reason": SAID}}
        ).encode()
    )
    _check(watched)
    spans = watched.spans()
    assert '"http.route": "/api/{user_id}/conversations"' in spans
    assert '"gen_ai.tool.name": "append_message"' in spans


def test_nothing_leaks_when_the_database_refuses_what_was_said(watched: Watched, database_url: str) -> None:
    """PostgreSQL's own text shows the whole row that broke a constraint."""
    assert watched.rest("POST", "/me/conversations", {"id": "talk"}) == 201
    run_sql(
        database_url, f"ALTER TABLE recollect.message ADD CONSTRAINT quiet CHECK (text NOT LIKE '%{SAID}%')"
    )
    assert watched.rest("POST", "/me/conversations/talk/messages", says(SAID)) == 500
    assert watched.mcp("append_message", conversation_id="talk", role="user", content=SAID) == 200
    _check(watched)
    log = watched.server.log()
    assert "append_messages failed" in log
    assert "CheckViolationError" in log
    assert "quiet" in log  # the constraint's name, which helps
    assert "recollect/history/message_verbs.py" in log


def _check(watched: Watched) -> None:
    given_out = watched.given_out()
    assert given_out["spans"]
    assert given_out["metrics"]
    for place, text in given_out.items():
        for secret in (SAID, watched.token, watched.token.split(".")[2], PASSWORD):
            assert secret not in text, (place, text[max(0, text.index(secret) - 500) :][:1_000])
        assert "Traceback" not in text, place
        assert "site-packages/" not in text, place
