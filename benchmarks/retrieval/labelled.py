"""The labelled set: who said what, and which message answers which question. The same from every seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from benchmarks.retrieval.exchanges import CHATTER, EXCHANGES, FILLINGS, Exchange

SEED = 20261125
USERS = 5
MESSAGES_EACH = 1_200
EACH_EXCHANGE = 2
"""How often a user has an exchange, about different people."""


@dataclass
class Question:
    """evidence: (conversation, seq) of the one message that answers."""

    text: str
    language: str
    evidence: tuple[str, int]


@dataclass
class Person:
    """conversations: of each its messages, in turn the user's and the assistant's."""

    user: str
    conversations: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    questions: list[Question] = field(default_factory=list[Question])


def people() -> list[Person]:
    dice = random.Random(SEED)
    return [_person(f"person-{number}", dice) for number in range(USERS)]


def _person(user: str, dice: random.Random) -> Person:
    person = Person(user)
    told = [(exchange, filled) for exchange in EXCHANGES for filled in _different(exchange, dice)]
    dice.shuffle(told)
    total = 0
    while told or total < MESSAGES_EACH:
        id = f"talk-{len(person.conversations):03}"
        said: list[str] = []
        for _ in range(dice.randint(1, 4)):
            language = told[-1][0].language if told else dice.choice(list(CHATTER))
            said += [_fill(dice.choice(CHATTER[language]), {}, dice) for _ in range(dice.randint(1, 9))]
            if told:
                exchange, filled = told.pop()
                _tell(person, id, said, exchange, filled, dice)
        person.conversations[id] = said
        total += len(said)
    return person


def _different(exchange: Exchange, dice: random.Random) -> list[dict[str, str]]:
    """What an exchange is about, so that no two of one user share any of it that its questions name."""
    slots = sorted(set(re.findall(r"{(\w+)}", " ".join(exchange.said))))
    drawn = {slot: dice.sample(FILLINGS[slot], EACH_EXCHANGE) for slot in slots}
    return [{slot: drawn[slot][number] for slot in slots} for number in range(EACH_EXCHANGE)]


def _tell(
    person: Person, id: str, said: list[str], exchange: Exchange, filled: dict[str, str], dice: random.Random
) -> None:
    for line in exchange.said:
        said.append(_fill(line.removeprefix("*"), filled, dice))
        if line.startswith("*"):
            person.questions += [
                Question(_fill(question, filled, dice), exchange.language, (id, len(said)))
                for question in exchange.questions
            ]


def _fill(line: str, filled: dict[str, str], dice: random.Random) -> str:
    return re.sub(r"{(\w+)}", lambda slot: filled.get(slot[1]) or dice.choice(FILLINGS[slot[1]]), line)
