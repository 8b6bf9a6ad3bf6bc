"""Who talks, in how many conversations, and how long: the shape of a service's history.

Users are of very different sizes: with the weights of Zipf's law, the largest has about a hundredth of all
messages and most have less than the average. Conversations have 20 messages on average and half of them
less than 10. Among these users are guests, who are all alike: each has as much as the average user of the
largest database, in the same words. What their calls cost is what is measured.
"""

from __future__ import annotations

import itertools
import random
import uuid
from dataclasses import dataclass

from benchmarks.growth.texts import KINDS
from recollect.history.scope import id_from_key

SKEW = 0.7
"""A user's weight falls with this power of the rank."""

LONGEST = 2_000
MEDIAN, SPREAD = 8, 1.25
"""Of the logarithmic normal distribution that a conversation's length is drawn from, two messages added."""

GUEST_LENGTHS = (80, 80, *[20] * 18)
"""Messages in each conversation of a guest: 520 in 20."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that will be. seed: of its texts, which it has in common with others' where equal."""

    user: str
    id: str
    length: int
    kind: str
    seed: int


@dataclass(frozen=True, slots=True)
class Guest:
    """A user of average size: what is read of it is long enough to fill a window."""

    user: str

    @property
    def talks(self) -> list[Talk]:
        return [
            Talk(self.user, self._id(place), length, KINDS[0], place)
            for place, length in enumerate(GUEST_LENGTHS)
        ]

    @property
    def rendered(self) -> str:
        """The conversation whose context is read."""
        return self._id(0)

    @property
    def listed(self) -> str:
        """The conversation whose last messages are listed."""
        return self._id(1)

    @property
    def grown(self) -> str:
        """The conversation that is appended to."""
        return self._id(2)

    def _id(self, place: int) -> str:
        return id_from_key(self.user, str(place))


def guests(name: str, count: int) -> list[Guest]:
    """Users of average size; the same for the same name."""
    chance = random.Random(name)
    return [Guest(_user(chance)) for _ in range(count)]


class People:
    """Everybody else."""

    def __init__(self, users: int) -> None:
        chance = random.Random("people")
        self.users = [_user(chance) for _ in range(users)]
        self._weights = list(itertools.accumulate((rank + 1) ** -SKEW for rank in range(users)))
        self._made = 0

    @property
    def largest(self) -> str:
        return self.users[0]

    def talk(self, chance: random.Random) -> Talk:
        """One more conversation, of whoever it happens to be."""
        self._made += 1
        [user] = chance.choices(self.users, cum_weights=self._weights)
        length = min(LONGEST, 2 + int(chance.lognormvariate(0, SPREAD) * MEDIAN))
        id = id_from_key(user, str(self._made))
        return Talk(user, id, length, chance.choice(KINDS), chance.getrandbits(60))


def _user(chance: random.Random) -> str:
    """An id as identity providers give it, of 36 characters."""
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
