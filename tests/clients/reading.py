"""A store with a long conversation in it, and a model that reads it with every tool."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from recollect.history.store import Recollect
from recollect.mcp_server.strict_tool import DESTROYS
from recollect.mcp_server.tools import DEFINITIONS
from recollect.mcp_server.tools.parameters import MAX_TEXT_TOKENS
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.clients.claude_code import call
from tests.clients.long_conversation import INSTRUCTIONS, LOG_CHARS, long_conversation
from tests.clients.scripted_model import Json, Script, Seen

USER = "reader"
"""Whose conversations these are: other tests use the same database."""

OTHERS = 30
TITLE = '発注サービス → "PostgreSQL" 🚚'
LONG = long_conversation()
HUGE = "".join(f'{number:06} 東京 "quoted"\n' for number in range(12_000))
PARAGRAPH = (
    "The committee on international development considered several recommendations about responsible "
    "administration, environmental protection and fundamental transportation infrastructure. "
)
PROSE = [NewMessage("user", f"{number}. {PARAGRAPH * 20}") for number in range(115)]
"""A little less than the largest context of text, in long words: seven characters a token."""

NOTHING = Seen({})
TOOLS = {definition.run.__name__: definition for definition in DEFINITIONS}


def words(message: NewMessage) -> list[str]:
    """The texts and the results of a message, each as it has to be seen."""
    if isinstance(message.content, str):
        return [message.content]
    fields = {"text": "text", "tool_result": "content"}
    return [part[fields[part["type"]]] for part in message.content if part["type"] in fields]


LOG = next(seq for seq, message in enumerate(LONG, 1) if len("".join(words(message))) >= LOG_CHARS)
"""The seq of a message of 30 kB."""


def arguments(id: str) -> dict[str, Json]:
    """What each tool is called with. A new tool needs its call here."""
    here: Json = {"conversation_id": id}
    said: Json = {"role": "user", "content": "Good morning."}
    return {
        "create_conversation": {"title": "A new day"},
        "open_turn": here | {"content": "Which orders are late?", "key": "late"},
        "load_context": here,
        "append_message": here | said,
        "append_messages": here | {"messages": [said, {"role": "assistant", "content": "Bom dia!"}]},
        "list_conversations": {},
        "search_messages": {"query": "what did they decide about the order service?"},
        "list_messages": here,
        "read_message": here | {"seq": LOG},
        "save_summary": here | {"upto_seq": 1_000, "content": "They moved the order service to PostgreSQL."},
        "fork_conversation": here | {"at_seq": 1_500},
        "export_conversation": here,
        "update_conversation": here | {"pinned": True},
        "delete_conversation": here,
    }


async def prepare(variables: dict[str, str], *ids: str) -> None:
    """Store the long conversation under each id, among others."""
    settings = Settings.model_validate({"home": Path(variables["RECOLLECT_HOME"])})
    async with Recollect.open(settings) as store:
        history = store.for_user(USER)
        for number in range(OTHERS):
            await history.create(title=f"Weekly report {number}", metadata={"week": number, "team": "orders"})
        await history.create(id="huge")
        await history.append("huge", NewMessage("user", HUGE))
        await history.create(id="prose")
        await history.append("prose", PROSE)
        for id in ids:
            await history.create(id=id, title=TITLE, instructions=INSTRUCTIONS)
            for first in range(0, len(LONG), 500):
                await history.append(id, LONG[first : first + 500])


@dataclass
class Reading:
    """What the model saw.

    id:             of the long conversation that is read.
    answers:        of each tool's one call, by name.
    slices:         of the message LOG, read to its end.
    large_context:  the largest there is: all of PROSE.
    large_message:  HUGE, in one slice.
    """

    id: str
    answers: dict[str, Seen] = field(default_factory=dict[str, Seen])
    slices: list[Seen] = field(default_factory=list[Seen])
    large_context: Seen = NOTHING
    large_message: Seen = NOTHING

    def script(self) -> Script:
        """Each tool that `arguments` knows: those that only read, then the others, deletion last."""
        reading = [name for name, tool in TOOLS.items() if tool.annotations.read_only_hint]
        writing = sorted(set(TOOLS) - set(reading), key=lambda name: TOOLS[name].annotations == DESTROYS)
        yield from self._call(reading)
        yield from self._read_on()
        yield from self._call(writing)
        return "I have read it all."

    def _call(self, tools: list[str]) -> Script:
        known = {name: arguments(self.id)[name] for name in tools if name in arguments(self.id)}
        results = yield [call(name, **given) for name, given in known.items()]
        self.answers.update(zip(known, results, strict=True))
        return ""

    def _read_on(self) -> Script:
        offset: str | None = "0"
        while offset is not None:
            (part,) = yield [call("read_message", conversation_id=self.id, seq=LOG, offset=int(offset))]
            self.slices.append(part)
            more = re.search(r" More: offset=(\d+)\.", part.text)
            offset = None if more is None else more[1]
        self.large_context, self.large_message = yield [
            call("load_context", conversation_id="prose", max_tokens=MAX_TEXT_TOKENS),
            call("read_message", conversation_id="huge", seq=1, limit=300_000),
        ]
        return ""
