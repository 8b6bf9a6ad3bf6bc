"""What one user may ask for within a minute."""

from __future__ import annotations

import pytest

from recollect import TooManyRequests
from recollect.identity import limits
from recollect.identity.caller import ERASE, READ, WRITE
from recollect.identity.limits import Buckets, Limits
from recollect.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(clock: Clock, requests: int = 0, tokens: int = 0) -> Limits:
    settings = {"requests_per_minute": requests, "tokens_per_minute": tokens}
    return Limits(Settings.model_validate(settings), clock)


def refused(limits: Limits, user: str = "alice") -> int:
    with pytest.raises(TooManyRequests) as error:
        limits.admit(user)
    return error.value.retry_after


def refused_writing(limits: Limits) -> int:
    with pytest.raises(TooManyRequests) as error:
        limits.admit_scopes("alice", (WRITE,))
    return error.value.retry_after


def test_a_minute_s_worth_may_come_at_once_and_then_evenly(clock: Clock) -> None:
    limits = made(clock, requests=60)
    for _ in range(60):
        limits.admit("alice")
    assert refused(limits) == 1
    for _ in range(5):
        clock.now += 1
        limits.admit("alice")
        assert refused(limits) == 1
    clock.now += 1000  # however long nobody asks, a minute's worth is the most
    for _ in range(60):
        limits.admit("alice")
    refused(limits)


def test_who_waits_as_told_is_let_in(clock: Clock) -> None:
    limits = made(clock, requests=7)
    for _ in range(20):
        try:
            limits.admit("alice")
        except TooManyRequests as error:
            clock.now += error.retry_after
            limits.admit("alice")


def test_a_refused_request_costs_nothing(clock: Clock) -> None:
    limits = made(clock, requests=1)
    limits.admit("alice")
    assert [refused(limits) for _ in range(100)] == [60] * 100


def test_one_user_s_requests_are_not_another_s(clock: Clock) -> None:
    limits = made(clock, requests=1)
    limits.admit("alice")
    limits.admit("bob")
    refused(limits)
    refused(limits, "bob")


def test_what_was_written_is_paid_for_before_the_next_write(clock: Clock) -> None:
    limits = made(clock, tokens=100)
    limits.admit_scopes("alice", (WRITE,))
    limits.wrote("alice", 90)
    limits.admit_scopes("alice", (WRITE,))
    limits.wrote("alice", 210)
    assert refused_writing(limits) == 120
    for scopes in ((READ,), (ERASE,), ()):
        limits.admit_scopes("alice", scopes)
    limits.admit_scopes("bob", (WRITE,))
    clock.now += 119
    assert refused_writing(limits) == 1
    clock.now += 1
    limits.admit_scopes("alice", (WRITE,))


def test_zero_is_no_limit(clock: Clock) -> None:
    limits = made(clock)
    for _ in range(10_000):
        limits.admit("alice")
        limits.wrote("alice", 10**9)
        limits.admit_scopes("alice", (WRITE,))


def test_those_who_have_their_whole_minute_again_are_forgotten(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SWEEP_AT", 100)
    buckets = Buckets(1, clock)
    for number in range(1_000):
        buckets.take(f"user{number}", 1)
        clock.now += 1
    # Each is remembered for a minute.
    assert buckets.wait("user999", 1) > 0
    assert len(buckets) <= 200
