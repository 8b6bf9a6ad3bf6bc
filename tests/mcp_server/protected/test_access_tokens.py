"""A server with personal access tokens and no identity provider."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest

from recollect.identity.access_tokens import CHECK_SECONDS
from tests.identity.provider import Provider
from tests.mcp_server.http_process import HEADERS, HttpProcess, bearer, call, request, text, tool_call
from tests.mcp_server.processes import environment
from tests.mcp_server.protected.conftest import Start, settings_for


@pytest.fixture(scope="module")
def server(start: Start) -> HttpProcess:
    return start(
        {
            "RECOLLECT_ACCESS_TOKENS": "true",
            "RECOLLECT_LOG_LEVEL": "DEBUG",
            "RECOLLECT_REQUESTS_PER_MINUTE": "0",
        }
    )


def recollect(shared_url: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "recollect", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment({"RECOLLECT_DATABASE_URL": shared_url}),
    )
    return done.stdout


def make(shared_url: str, user: str, *options: str) -> dict[str, Any]:
    return json.loads(recollect(shared_url, "token", "create", "test", "--user", user, "--json", *options))


def test_a_token_from_the_command_line_opens_its_user_s_history(
    user: str, shared_url: str, server: HttpProcess
) -> None:
    token, other = make(shared_url, user)["token"], make(shared_url, f"{user} | другой")["token"]
    call(server, token, "create_conversation", conversation_id="talk", title=f"of {user}")
    assert f"of {user}" in text(call(server, token, "list_conversations"))
    assert f"of {user}" not in text(call(server, other, "list_conversations"))
    assert token not in server.log()
    assert "for everybody who has a token" in server.log()


def test_it_allows_what_its_scopes_say(user: str, shared_url: str, server: HttpProcess) -> None:
    reader = make(shared_url, user, "--scope", "read")["token"]
    refused = call(server, reader, "create_conversation")
    assert (refused.status, refused.challenge["scope"]) == (403, "history:write")
    assert call(server, reader, "list_conversations").status == 200


def test_a_revoked_token_is_refused_within_seconds(user: str, shared_url: str, server: HttpProcess) -> None:
    made = make(shared_url, user)
    assert server.send(request("tools/list"), **bearer(made["token"])).status == 200
    recollect(shared_url, "token", "revoke", made["id"], "--user", user)
    deadline = os.times().elapsed + CHECK_SECONDS + 5
    while (answer := server.send(request("tools/list"), **bearer(made["token"]))).status == 200:
        assert os.times().elapsed < deadline
        time.sleep(0.1)
    assert answer.status == 401
    assert answer.challenge["error"] == "invalid_token"


LOOKS_EACH_TIME = """
from recollect.cli.main import main
from recollect.identity import access_tokens
access_tokens.CHECK_SECONDS = 0.0
main()
"""


def test_a_request_whose_token_was_revoked_while_it_came_is_refused(
    user: str, shared_url: str, start: Start
) -> None:
    """A body may come for hours, and whoever stole a token may have begun many."""
    server = start({"RECOLLECT_ACCESS_TOKENS": "true"}, program=("-c", LOOKS_EACH_TIME))
    stolen, mine = make(shared_url, user), make(shared_url, user)["token"]
    call(server, mine, "create_conversation", conversation_id="talk")
    line = json.dumps({"role": "user", "content": "planted"})
    message = tool_call("append_message", conversation_id="talk", role="user", content="planted")
    with ExitStack() as opened:
        begun: list[tuple[http.client.HTTPConnection, bytes]] = []
        for path, body in (
            ("/mcp", message),
            ("/api/me/conversations/talk/messages", f'{{"messages": [{line}]}}'.encode()),
            ("/api/me/import", line.encode()),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            opened.enter_context(closing(connection))
            connection.putrequest("POST", path)
            length = {"Content-Length": str(len(body))}
            for name, value in (HEADERS | bearer(stolen["token"]) | length).items():
                connection.putheader(name, value)
            connection.endheaders(body[:10])
            begun.append((connection, body[10:]))
        recollect(shared_url, "token", "revoke", stolen["id"], "--user", user)
        for connection, rest in begun:
            connection.send(rest)
            answer = connection.getresponse()
            assert (answer.status, "revoked" in answer.read().decode()) == (401, True)
    assert "planted" not in text(call(server, mine, "list_messages", conversation_id="talk"))
    assert "1 conversation," in text(call(server, mine, "list_conversations"))


def test_without_an_issuer_the_metadata_name_nobody_who_gives_out_tokens(server: HttpProcess) -> None:
    document = server.ask("GET", "/.well-known/oauth-protected-resource/mcp").json
    assert document["resource"] == f"{server.address}/mcp"
    assert "authorization_servers" not in document


def test_a_server_with_an_issuer_alone_takes_no_personal_tokens(
    user: str, shared_url: str, start: Start, provider: Provider
) -> None:
    both = start(settings_for(provider, RECOLLECT_ACCESS_TOKENS="true"))
    one = start(settings_for(provider))
    personal, issued = make(shared_url, user)["token"], provider.token(sub=user)
    assert [server.send(request("tools/list"), **bearer(personal)).status for server in (both, one)] == [
        200,
        401,
    ]
    assert [server.send(request("tools/list"), **bearer(issued)).status for server in (both, one)] == [
        200,
        200,
    ]


def test_a_database_that_is_away_is_a_503_and_says_nothing_about_it(start: Start) -> None:
    url = "postgresql://somebody:secret@127.0.0.1:1/nowhere"
    server = start(
        {
            "RECOLLECT_DATABASE_URL": url,
            "RECOLLECT_ACCESS_TOKENS": "true",
            "RECOLLECT_CONNECT_TIMEOUT": "0.5",
        }
    )
    answer = server.send(request("tools/list"), **bearer("rct_YWxpY2U." + "A" * 43))
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert b"secret" not in answer.body
    assert "secret" not in server.log()
    assert "Traceback" not in server.log()
