"""What a search shows of what it finds: which messages, in what order, and how much of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from recollect.models.search import SearchPage
from tests.history.forging import forged

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def places(page: SearchPage) -> list[tuple[str, int]]:
    return [(hit.conversation_id, hit.seq) for hit in page.hits]


@pytest.fixture
async def harbour(history: History) -> History:
    """A conversation about a harbour, and one about something else."""
    await history.create(id="harbour", title="At the sea")
    await history.append(
        "harbour",
        [
            NewMessage("user", "Which lighthouse did you mean?", occurred_at=NOON),
            NewMessage(
                "assistant", "The red one at the northern pier.", occurred_at=NOON + timedelta(days=1)
            ),
            NewMessage("user", "Thanks, that helps.", occurred_at=NOON + timedelta(days=2)),
            NewMessage("assistant", "You are welcome.", occurred_at=NOON + timedelta(days=3)),
            NewMessage("user", "Nothing else for today.", occurred_at=NOON + timedelta(days=4)),
        ],
    )
    await history.create(id="other")
    await history.append(
        "other",
        NewMessage(
            "user",
            "A lighthouse keeper wrote this book.",
            author="Anselm",
            occurred_at=NOON + timedelta(days=40),
        ),
    )
    return history


async def test_a_question_finds_the_answer_beside_the_words_it_shares(harbour: History) -> None:
    found = await harbour.search("which lighthouse was it that we meant?")
    assert places(found)[0] == ("harbour", 1)
    assert ("harbour", 2) in places(found)[:3]


async def test_a_word_that_is_looked_up_finds_only_messages_that_hold_it(harbour: History) -> None:
    assert sorted(places(await harbour.search("lighthouse"))) == [("harbour", 1), ("other", 1)]


async def test_an_author_and_a_date_are_words_too(harbour: History) -> None:
    assert places(await harbour.search("anselm")) == [("other", 1)]
    assert places(await harbour.search("November 24"))[0] == ("harbour", 2)


FILTERS: list[tuple[dict[str, Any], list[tuple[str, int]]]] = [
    ({"conversation_id": "other"}, [("other", 1)]),
    ({"conversation_id": "nowhere"}, []),
    ({"exclude": "other"}, [("harbour", 1), ("harbour", 2), ("harbour", 3)]),
    ({"role": "assistant"}, [("harbour", 2)]),
    ({"until": NOON}, []),
    ({"since": NOON, "until": NOON + timedelta(seconds=1)}, [("harbour", 1)]),
    ({"since": NOON + timedelta(days=30)}, [("other", 1)]),
]


@pytest.mark.parametrize(
    ("given", "expected"), FILTERS, ids=lambda value: "" if isinstance(value, list) else str(value)
)
async def test_a_filter_leaves_only_what_it_names(
    harbour: History, given: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    assert places(await harbour.search("the lighthouse in this book", **given)) == expected


async def test_the_trash_is_not_searched_until_it_is_restored(harbour: History) -> None:
    await harbour.delete("other")
    assert places(await harbour.search("keeper")) == []
    await harbour.restore("other")
    assert places(await harbour.search("keeper")) == [("other", 1)]


async def test_what_was_purged_is_not_found(harbour: History) -> None:
    await harbour.delete("other")
    await harbour.purge("other")
    assert places(await harbour.search("keeper")) == []


async def test_a_copy_is_found_like_its_original(harbour: History) -> None:
    await harbour.append("other", NewMessage("user", "Smørrebrød in Århus"))
    await harbour.fork("other", new_id="copy")
    assert sorted(places(await harbour.search("smorrebrod"))) == [("copy", 2), ("other", 2)]


async def test_messages_on_every_branch_are_found(harbour: History) -> None:
    await harbour.append("other", NewMessage("user", "instead: a submarine"), after_seq=0)
    assert places(await harbour.search("keeper submarine")) == [("other", 2), ("other", 1)]


async def test_neighbours_come_where_they_are_asked_for(harbour: History) -> None:
    (hit,) = (await harbour.search("pier", context=1)).hits
    assert [(other.seq, other.role, other.text) for other in hit.neighbours] == [
        (1, "user", "Which lighthouse did you mean?"),
        (3, "user", "Thanks, that helps."),
    ]
    (hit,) = (await harbour.search("pier")).hits
    assert hit.neighbours == []


async def test_a_hit_says_where_it_is_and_marks_the_words(harbour: History) -> None:
    (hit,) = (await harbour.search("piers northern red*")).hits[:1]
    assert (hit.conversation_id, hit.title, hit.seq, hit.role) == ("harbour", "At the sea", 2, "assistant")
    assert hit.at == NOON + timedelta(days=1)
    assert hit.snippet == "The red one at the northern pier."
    assert [hit.snippet[begin:end] for begin, end in hit.marks] == ["red", "northern", "pier"]


async def test_a_word_is_marked_with_the_signs_on_its_letters(alice: History) -> None:
    id = (await alice.create()).id
    await alice.append(id, NewMessage("user", "नमस्ते दुनिया, शुभ दिन"))
    (hit,) = (await alice.search("दुनिया")).hits
    assert [hit.snippet[begin:end] for begin, end in hit.marks] == ["दुनिया"]


async def test_the_snippet_is_the_part_of_a_long_text_that_answers(history: History) -> None:
    await history.create(id="long")
    text = (
        "All quiet on the pier. " * 3_000
        + "Then the blue whale came to the pier. "
        + "Nothing more. " * 3_000
    )
    await history.append("long", NewMessage("user", text))
    (hit,) = (await history.search("whale")).hits
    assert len(hit.snippet) <= 300
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert [hit.snippet[begin:end] for begin, end in hit.marks] == ["whale"]


async def test_a_talkative_conversation_does_not_crowd_out_the_rest(history: History) -> None:
    await history.create(id="talkative")
    await history.append("talkative", [NewMessage("user", "zebra crossing zebra")] * 60)
    for number in range(5):
        await history.create(id=f"quiet-{number}")
        await history.append(
            f"quiet-{number}", NewMessage("user", "a zebra was seen, and after that nothing else")
        )
    found = {hit.conversation_id for hit in (await history.search("zebra", limit=20)).hits}
    assert found == {"talkative", *(f"quiet-{number}" for number in range(5))}


async def test_pages_together_are_one_long_page(history: History) -> None:
    for number in range(7):
        await history.create(id=f"c{number}")
        await history.append(
            f"c{number}", [NewMessage("user", f"otter {'river ' * (each % 3)}{each}") for each in range(9)]
        )
    whole = await history.search("otter river", limit=50)
    assert whole.next_cursor is not None
    scores = [hit.score for hit in whole.hits]
    assert scores == sorted(scores, reverse=True)
    turned: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        page = await history.search("otter river", limit=4, cursor=cursor)
        turned += places(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert turned[:50] == places(whole)
    assert len(turned) == len(set(turned)) == 63


async def test_a_cursor_belongs_to_its_query(harbour: History) -> None:
    cursor = (await harbour.search("lighthouse", limit=1)).next_cursor
    assert cursor is not None
    with pytest.raises(InvalidArgument, match="cursor: belongs to a list with other filters"):
        await harbour.search("pier", cursor=cursor)
    for wrong in ("", "x", "W10", cursor[:-3]):
        with pytest.raises(InvalidArgument, match="cursor: is not one"):
            await harbour.search("lighthouse", cursor=wrong)


@pytest.mark.parametrize(
    ("version", "place"),
    [
        (1, (9.5, "c", 1)),
        (4, (9.5, "c", 1)),
        (2, (9.5, "c", 1, 5)),
        (3, (9.5, "c", 1)),
        (2, (9.5, "c")),
        (2, ("9.5", "c", 1)),
        (2, (9.5, 7, 1)),
        (2, (9.5, "c", 1.5)),
        (2, (9.5, "c", True)),
        (2, (9.5, "c", -1)),
        (2, (9.5, "c", 2**31)),
        (2, (float("inf"), "c", 1)),
        (2, (float("nan"), "c", 1)),
        (2, (9.5, "a\x00b", 1)),
        (2, (9.5, "\ud83d", 1)),
        (3, (9.5, "c", 1, -1)),
        (3, (9.5, "c", 1, 10_001)),
        (3, (9.5, "c", 1, 2**70)),
        (3, (9.5, "c", 2**31, 5)),
    ],
)
async def test_a_cursor_with_the_query_s_own_filters_and_a_forged_place_is_refused(
    harbour: History, version: int, place: tuple[object, ...]
) -> None:
    cursor = (await harbour.search("lighthouse", limit=1)).next_cursor
    assert cursor is not None
    assert (await harbour.search("lighthouse", cursor=forged(cursor, 2, 9e9, "c", 2**31 - 1))).hits
    with pytest.raises(InvalidArgument, match="cursor: is not one that this list gave"):
        await harbour.search("lighthouse", cursor=forged(cursor, version, *place))


async def test_one_user_finds_nothing_of_another(store: Recollect, harbour: History) -> None:
    bob = store.for_user("bob")
    assert places(await bob.search("lighthouse")) == []
    await bob.create(id="harbour")
    await bob.append("harbour", [NewMessage("user", "my own lighthouse"), NewMessage("user", "and more")])
    (hit,) = (await bob.search("lighthouse", context=3)).hits
    assert (hit.snippet, hit.title, [other.text for other in hit.neighbours]) == (
        "my own lighthouse",
        None,
        ["and more"],
    )


async def test_the_word_that_stands_for_a_user_in_the_index_opens_nothing(
    store: Recollect, harbour: History, database_url: str
) -> None:
    """Each message holds a lexeme of its user. Whoever writes alice's into a message shows it to nobody."""
    connection = await asyncpg.connect(database_url)
    key = await connection.fetchval("SELECT 'u0' || to_hex(hashtextextended('alice', 0))")
    await connection.close()
    bob = store.for_user("bob")
    await bob.create(id="planted")
    await bob.append("planted", NewMessage("user", f"{key} lighthouse"))
    assert ("planted", 1) not in places(await harbour.search("lighthouse"))
    assert places(await bob.search(key)) == [("planted", 1)]


STRANGE = [
    "a & b | !c <-> d:*",
    "'; DROP TABLE recollect.message; --",
    "\\",
    "\\\\ \\x00 \\'",
    "$$ $1 %s {0}",
    "(((((",
    "'':'':''",
    "lighthouse:*&",
    "lighthouse' | 'x",
    "<script>lighthouse</script>",
    "lighthouse\x00",
    "lighthouse \ud800",
    "\u202elighthouse\u200b",
    "[a-z]+ .* lighthouse $^",
    '"lighthouse (?=x)"',
    '"[[:alpha:]]+"',
    '"lighthouse',
    "light-house",
    "* ** lighthouse*",
    "---lighthouse",
    "\n\tlighthouse\r\n",
    "ﬁ ﷺ ǆ lighthouse",
    "ß" * 500 + " lighthouse",
    "lighthouse " * 800,
    " ".join(f"word{number}" for number in range(1_000)),
    '"' + "lighthouse " * 300 + '"',
    "̈́" * 50,
    "9" * 400,
    "-1 -2",
    "e1f600",
]


@pytest.mark.parametrize("query", STRANGE, ids=range(len(STRANGE)))
async def test_any_query_is_answered_or_refused_clearly(harbour: History, query: str) -> None:
    refused: InvalidArgument | None = None
    found: set[str] = set()
    try:
        found = {id for id, _ in places(await harbour.search(query))}
    except InvalidArgument as error:
        refused = error
    assert refused is None or refused.argument == "query"
    assert refused is not None or "lighthouse" not in query or found <= {"harbour", "other"}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", "must be words"),
        ("  \n", "must be words"),
        ("x" * 10_001, "limit is 10000"),
        ("y" * 1_000_000, "limit is 10000"),
        ("?!", "no letter"),
        ("the and of", "words that are everywhere"),
        ('"to be or not to be"', "words that are everywhere"),
        ("-lighthouse", "only excludes"),
        ("li*", "too short"),
    ],
)
async def test_what_cannot_be_searched_for_is_refused(harbour: History, query: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^query: .*{problem}"):
        await harbour.search(query)


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 51}, "limit"),
        ({"context": 4}, "context"),
        ({"role": "narrator"}, "role"),
        ({"since": NOON.replace(tzinfo=None)}, "since"),
        ({"conversation_id": ""}, "conversation_id"),
        ({"exclude": "\x00"}, "exclude"),
        ({"conversation_id": "harbour", "exclude": "harbour"}, "exclude"),
        ({"since": NOON, "until": NOON}, "until"),
    ],
)
async def test_wrong_arguments_are_named(harbour: History, given: dict[str, Any], argument: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{argument}: "):
        await harbour.search("lighthouse", **given)


HUGE = {
    "one word": "a" * 2_000_000,
    "distinct words": " ".join(f"w{number:x}" for number in range(200_000)),
    "distinct long words": " ".join(f"{number:040x}" for number in range(20_000)),
    "unspaced": "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(250_000)),
    "identifiers": " ".join(f"a{number}_b{number}.c{number}" for number in range(30_000)),
    "accents": " ".join(f"é{number}ü" for number in range(60_000)),
    "emoji": "".join(chr(0x1F300 + number % 700) for number in range(200_000)),
    # A lexeme has at most 2,046 bytes, some letters have more of them in lower case, and shorter texts are
    # looked at less closely.
    "long words": " ".join(letter * length for letter in "xé" for length in range(2_030, 2_060)),
    "long words of two bytes": " ".join("é" * length for length in range(1_010, 1_040)),
    "a word that grows": "\u0130" * 490,
    "words of four bytes": " ".join("\U00010330" * length for length in range(1, 700)),
}  # fmt: skip


@pytest.mark.parametrize("kind", HUGE)
async def test_a_message_of_any_size_can_be_stored_and_found_by_its_beginning(
    history: History, kind: str
) -> None:
    await history.create(id="huge")
    await history.append("huge", NewMessage("tool", f"hippopotamus {HUGE[kind]}"))
    (hit,) = (await history.search("hippopotamus")).hits
    assert hit.snippet.startswith("hippopotamus ")


LENGTHS = (255, 256, 2_044, 2_045, 2_046, 2_047, 5_000)


async def test_a_word_of_any_length_is_found(history: History) -> None:
    words = [letter * length for letter, length in zip("qwertyz", LENGTHS, strict=True)]
    await history.create(id="long")
    await history.append(
        "long", [NewMessage("user", f"before {word} after {'filling ' * 200}") for word in words]
    )
    for seq, word in enumerate(words, 1):
        for query in (word, f"{word}*", f'"{word} after"'):
            assert [hit.seq for hit in (await history.search(query)).hits] == [seq]
