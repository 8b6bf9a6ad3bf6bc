"""Conversations over REST: create, find, change, trash, remove."""

from __future__ import annotations

from urllib.parse import quote

import httpx2

from recollect.identity.caller import ERASE, READ, WRITE
from tests.api.conftest import Server, problem, user_says

ALL = "/api/me/conversations"


async def test_a_conversation_is_made_read_and_found(api: httpx2.AsyncClient) -> None:
    made = await api.post(ALL, json={"title": "Trip to Porto", "metadata": {"project": "porto"}})
    assert made.status_code == 201
    new = made.json()
    assert made.headers["location"] == f"{ALL}/{new['id']}"
    assert (new["title"], new["metadata"], new["instructions"]) == (
        "Trip to Porto",
        {"project": "porto"},
        None,
    )
    assert (new["head"], new["message_count"], new["pinned"], new["deleted_at"]) == (0, 0, False, None)
    read = await api.get(made.headers["location"])
    assert read.json() == new
    assert read.headers["etag"] == made.headers["etag"] == '"0"'
    listed = await api.get(ALL)
    assert listed.json() == {"conversations": [new], "next_cursor": None}


async def test_an_id_of_one_s_own_exists_once(api: httpx2.AsyncClient) -> None:
    assert (await api.post(ALL, json={"id": "mine"})).json()["id"] == "mine"
    again = problem(await api.post(ALL, json={"id": "mine"}), 409, "already-exists")
    assert again["argument"] == "id"


async def test_a_list_goes_on_where_the_page_ended(api: httpx2.AsyncClient) -> None:
    for number in range(5):
        await api.post(ALL, json={"id": f"c{number}", "title": "the same"})
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", "title": "SAME"} | ({} if cursor is None else {"cursor": cursor})
        page = (await api.get(ALL, params=params)).json()
        seen += [one["id"] for one in page["conversations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["c4", "c3", "c2", "c1", "c0"]


async def test_a_cursor_of_another_list_and_a_forged_one_are_refused(api: httpx2.AsyncClient) -> None:
    for number in range(2):
        await api.post(ALL, json={"id": f"c{number}"})
    cursor = (await api.get(ALL, params={"limit": "1"})).json()["next_cursor"]
    for params in ({"cursor": cursor, "pinned": "true"}, {"cursor": cursor[:-2]}, {"cursor": "é"}):
        assert problem(await api.get(ALL, params=params), 422, "invalid-argument")["argument"] == "cursor"


async def test_a_list_is_filtered_by_metadata_title_and_state(api: httpx2.AsyncClient) -> None:
    for id, fields in (
        ("a", {"title": "Porto", "metadata": {"p": "x", "n": 1}}),
        ("b", {"title": "Lisboa", "metadata": {"p": "y"}}),
        ("c", {}),
        ("d", {}),
    ):
        await api.post(ALL, json={"id": id, **fields})
    await api.patch(f"{ALL}/b", json={"pinned": True})
    await api.patch(f"{ALL}/c", json={"archived": True})
    await api.delete(f"{ALL}/d")

    async def found(**params: str) -> set[str]:
        answer = await api.get(ALL, params=params)
        return {one["id"] for one in answer.json()["conversations"]}

    assert await found() == {"a", "b"}
    assert await found(metadata='{"p": "x"}') == {"a"}
    assert await found(title="lis") == {"b"}
    assert await found(pinned="true") == {"b"}
    assert await found(pinned="false") == {"a"}
    assert await found(archived="true") == {"c"}
    assert await found(archived="any") == {"a", "b", "c"}
    assert await found(trash="true") == {"d"}


async def test_filters_are_data(api: httpx2.AsyncClient) -> None:
    await api.post(ALL, json={"id": "a", "metadata": {'it\'s "x"': "'; DROP TABLE"}})
    answer = await api.get(ALL, params={"metadata": '{"it\'s \\"x\\"": "\'; DROP TABLE"}'})
    assert [one["id"] for one in answer.json()["conversations"]] == ["a"]
    for name in ("') OR true --", 'a"b', "$1", "%", "\\"):
        answer = await api.get(ALL, params={"metadata": f"{{{quote(name)!r}: 1}}".replace("'", '"')})
        assert answer.json()["conversations"] == []


async def test_what_is_not_given_is_not_changed_and_null_clears(api: httpx2.AsyncClient) -> None:
    await api.post(ALL, json={"id": "a", "title": "t", "instructions": "i", "metadata": {"m": 1}})
    changed = (await api.patch(f"{ALL}/a", json={"title": None, "pinned": True})).json()
    assert (changed["title"], changed["instructions"], changed["metadata"]) == (None, "i", {"m": 1})
    assert changed["pinned"] is True
    changed = (await api.patch(f"{ALL}/a", json={"metadata": {}, "instructions": "j"})).json()
    assert (changed["instructions"], changed["metadata"], changed["pinned"]) == ("j", {}, True)
    nothing = problem(await api.patch(f"{ALL}/a", json={}), 422, "invalid-argument")
    assert nothing["detail"] == (
        "body: changes nothing; give some of title, instructions, metadata, pinned, archived"
    )
    misspelt = problem(await api.get(f"{ALL}/a", params={"limt": 5}), 422, "invalid-argument")
    assert misspelt["argument"] == "limt"


async def test_delete_is_trash_and_restore_brings_back(api: httpx2.AsyncClient, talk: str) -> None:
    trashed = await api.delete(talk)
    assert trashed.status_code == 200
    assert trashed.json()["deleted_at"] is not None
    assert (await api.get(ALL)).json()["conversations"] == []
    assert (await api.get(talk)).json()["deleted_at"] is not None
    for refused in (
        await api.patch(talk, json={"title": "new"}),
        await api.post(f"{talk}/messages", json=user_says("x")),
    ):
        assert "restore" in problem(refused, 409, "conflict")["detail"]
    restored = await api.post(f"{talk}/restore")
    assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
    assert (await api.post(f"{talk}/messages", json=user_says("x"))).status_code == 201


async def test_permanent_really_removes_and_says_how_much(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b"))
    removed = await api.delete(talk, params={"permanent": "true"})
    assert removed.json() == {"conversations": 1, "messages": 2, "summaries": 0}
    problem(await api.get(talk), 404, "not-found")
    problem(await api.delete(talk, params={"permanent": "true"}), 404, "not-found")


async def test_permanent_takes_the_scope_to_erase_however_it_is_written(
    server: Server, user: str, api: httpx2.AsyncClient, talk: str
) -> None:
    async with server.client(server.tokens.give(user, READ, WRITE)) as writer:
        for yes in ("true", "True", "1", "yes", "on"):
            refused = problem(await writer.delete(talk, params={"permanent": yes}), 403, "forbidden")
            assert refused["scopes"] == [ERASE]
        assert (await writer.delete(talk, params={"permanent": "false"})).status_code == 200
    async with server.client(server.tokens.give(user, READ, ERASE)) as eraser:
        assert problem(await eraser.delete(talk), 403, "forbidden")["scopes"] == [WRITE]
        assert (await eraser.delete(talk, params={"permanent": "1"})).status_code == 200


async def test_erasing_a_user_gives_a_receipt_and_leaves_others(
    server: Server, user: str, api: httpx2.AsyncClient, talk: str
) -> None:
    await api.post(f"{talk}/messages", json=user_says("a", "b", "c"))
    await api.post(ALL, json={"id": "trashed"})
    await api.delete(f"{ALL}/trashed")
    async with server.client(server.tokens.give(f"{user}-other")) as other:
        await other.post(ALL, json={"id": "talk"})
        assert (await api.delete("/api/me")).json() == {"conversations": 2, "messages": 3, "summaries": 0}
        assert (await api.delete(f"/api/{user}")).json() == {
            "conversations": 0,
            "messages": 0,
            "summaries": 0,
        }
        assert (await other.get(talk)).status_code == 200
