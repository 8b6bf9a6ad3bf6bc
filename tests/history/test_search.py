"""Finding what was said: in any language, by any of its words, and nobody else's."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta

import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from recollect.models.search import SearchPage
from recollect.settings import Settings
from tests.conftest import on_database, run_sql

SAID = {
    "visa": "Maria decided to apply for the visa in Lisbon.",
    "ferry": "The ferry leaves at ten past six; bring warm clothes.",
    "load": "load_context raises ConnectionResetError in src/app/main.py:42",
    "camel": "We renamed ReadTimeout to parseHTTPResponse yesterday",
    "url": "See https://docs.example.org/guide/setup?page=2 or write to ann.lee@example.org",
    "number": "The invoice 4711 is over 1,234.50 euros, phone 555-0199",
    "accent": "Das Café in Zürich hat Crème brûlée, außerdem Smørrebrød",
    "emoji": "We got it 🎉 thumbs 👍🏽 up ❤️",
    "chinese": "我们决定明天去东京看樱花，晚上吃拉面",
    "japanese": "来週の火曜日に会議があります。猫が好き",
    "korean": "다음 주에 서울에서 회의가 있습니다",
    "thai": "พรุ่งนี้เราจะไปเชียงใหม่ด้วยรถไฟ",
    "arabic": "السَّلامُ عليكم، وصلت الرسالة إلى المكتبة",
    "russian": "Завтра мы поедем в Москву за ёлками, собаки останутся дома",
    "greek": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας",
    "hindi": "हम कल दिल्ली जाएंगे और किताबें खरीदेंगे",
    "german": "Die Entscheidungen waren nicht leicht, und wir haben sie mit den Kindern getroffen",
    "french": "Nous avons visité les châteaux de la Loire et le musée avec des amis",
    "spanish": "Los perros corrían por la playa y no querían volver con nosotros",
    "fullwidth": "ＡＢＣ１２３ is how it was typed",
    "vietnamese": "Tôi muốn học tiếng Việt ở Hà Nội",
    "quotes": "“Curly” quotes—and dashes… it’s “Porto/Lisbon” and <tag>inside</tag> List<String>",
    "snake": "the MAX_RETRY_COUNT constant, the e-mail and the well-known v2.10.3 of foo-bar",
    "windows": "C:\\Users\\ann\\report_final.docx",
}
"""Messages by name, each in a conversation of that name."""

FOUND = {
    "maria": "visa",
    "what did Maria decide about the visa?": "visa",
    "deciding": "visa",
    "VISAS": "visa",
    "when does the boat leave? ferry": "ferry",
    "load_context": "load",
    "loadcontext": "load",
    "context": "load",
    "ConnectionResetError": "load",
    "connectionreseterror": "load",
    "reset": "load",
    "src/app/main.py:42": "load",
    "main.py": "load",
    "app": "load",
    "ReadTimeout": "camel",
    "timeout": "camel",
    "http": "camel",
    "parseHTTPResponse": "camel",
    "https://docs.example.org/guide/setup?page=2": "url",
    "docs.example.org": "url",
    "ann.lee@example.org": "url",
    "setup": "url",
    "4711": "number",
    "1,234.50": "number",
    "555-0199": "number",
    "cafe": "accent",
    "café": "accent",
    "CAFÉ": "accent",
    "zurich": "accent",
    "creme brulee": "accent",
    "ausserdem": "accent",
    "außerdem": "accent",
    "smorrebrod": "accent",
    "🎉": "emoji",
    "👍": "emoji",
    "👍🏿": "emoji",
    "❤": "emoji",
    "东京": "chinese",
    "樱花": "chinese",
    "你们什么时候去东京？": "chinese",
    "火曜日": "japanese",
    "会議": "japanese",
    "猫": "japanese",
    "서울": "korean",
    "회의": "korean",
    "เชียงใหม่": "thai",
    "รถไฟ": "thai",
    "السلام": "arabic",
    "رسالة": "arabic",
    "مكتبة": "arabic",
    "москва": "russian",
    "елка": "russian",
    "ёлки": "russian",
    "собака": "russian",
    "αθηνα": "greek",
    "Ελλάδα": "greek",
    "दिल्ली": "hindi",
    "किताब": "hindi",
    "Entscheidung": "german",
    "kind": "german",
    "chateau": "french",
    "châteaux": "french",
    "perro": "spanish",
    "abc123": "fullwidth",
    "tieng viet": "vietnamese",
    "hà nội": "vietnamese",
    "curly": "quotes",
    "it's porto": "quotes",
    "lisbon porto": "quotes",
    "inside": "quotes",
    "string": "quotes",
    "MAX_RETRY_COUNT": "snake",
    "retry": "snake",
    "email": "snake",
    "e-mail": "snake",
    "wellknown": "snake",
    "foo-bar": "snake",
    "2.10.3": "snake",
    "report_final.docx": "windows",
    "docx": "windows",
    '"apply for the visa"': "visa",
    '"APPLY, for the VISA"': "visa",
    '"load context"': "load",
    '"creme brulee"': "accent",
    '"看樱花"': "chinese",
    "conn* reset*": "load",
    "зав*": "russian",
    "ferri*": "ferry",
    "runn* leav*": "ferry",
    "clothes -maria": "ferry",
}
"""A query, and the conversation that comes first."""

NOT_FOUND = (
    '"apply for a visa"',
    '"visa the for"',
    '"樱花看"',
    "visa -lisbon",
    'maria -"in lisbon"',
    "lisb",
    "ector",
    "quixotic",
    "狗",
    "🎈",
)


@pytest.fixture(scope="module")
def searched_url(cluster: str, template: str) -> Generator[str]:
    name = f"searched_{uuid.uuid4().hex[:12]}"
    run_sql(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield on_database(cluster, name)
    run_sql(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def said(searched_url: str) -> AsyncGenerator[History]:
    """Alice's history with a conversation for each message above; bob's has the same and more."""
    async with Recollect.open(Settings.model_validate({"database_url": searched_url})) as store:
        for user in ("alice", "bob"):
            history = store.for_user(user)
            for id, text in SAID.items():
                await history.create(id=id, title=f"{user}: {id}")
                await history.append(id, NewMessage("user", text if user == "alice" else f"quixotic: {text}"))
        yield store.for_user("alice")


def ids(page: SearchPage) -> list[str]:
    return [hit.conversation_id for hit in page.hits]


@pytest.mark.parametrize("query", FOUND)
async def test_a_query_finds_the_message_first(said: History, query: str) -> None:
    assert ids(await said.search(query))[:1] == [FOUND[query]]


@pytest.mark.parametrize("query", NOT_FOUND)
async def test_a_query_finds_nothing_where_nothing_fits(said: History, query: str) -> None:
    assert ids(await said.search(query)) == []


@pytest.mark.parametrize("id", SAID)
async def test_a_message_is_found_by_its_own_text(said: History, id: str) -> None:
    assert ids(await said.search(SAID[id]))[0] == id
