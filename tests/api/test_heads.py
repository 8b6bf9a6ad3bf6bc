"""HEAD is GET without the body, at every address that takes GET."""

from __future__ import annotations

import httpx2

from recollect.mcp_server.feed import MOST_STREAMS
from tests.api.conftest import problem, user_says
from tests.api.surface import operations

EXAMPLES = {"conversation_id": "talk", "user_id": "me", "seq": "1"}
STREAMS = ("/api/me/events",)
"""What has no end."""


async def test_head_is_answered_wherever_get_is(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("hello"))
    addresses = [one.path.format(**EXAMPLES) for one in operations() if one.method == "GET"]
    assert len(addresses) > 10
    for address in ("/api/openapi.json", *addresses):
        search = {"query": "hello"} if address.endswith("/search") else {}
        head = await api.head(address, params=search)
        assert (head.status_code, head.content) == (200, b""), address
        if address not in STREAMS:
            got = await api.get(address, params=search)
            assert got.status_code == 200
            for name in ("content-type", "content-length", "etag", "content-disposition"):
                assert head.headers.get(name) == got.headers.get(name), (address, name)


async def test_a_head_of_what_is_not_there_is_refused_as_a_get_is(api: httpx2.AsyncClient, talk: str) -> None:
    assert (await api.head(f"{talk}-2")).status_code == 404
    assert (await api.head("/api/somebody/conversations")).status_code == 404
    assert (await api.head(talk, params={"wrong": "1"})).status_code == 422
    refused = await api.head("/api/me/import")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    refused = await api.put(talk)
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_a_head_of_a_stream_begins_none(api: httpx2.AsyncClient, talk: str) -> None:
    """It would hold its connection, a place among the streams, or a connection to the database."""
    for _ in range(MOST_STREAMS + 1):
        for address in ("/api/me/events", "/api/me/export", f"{talk}/export"):
            assert (await api.head(address)).status_code == 200
