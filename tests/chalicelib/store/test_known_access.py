"""What a process knows of revocations: asked for seldom, believed briefly, and not at all beyond five seconds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import AccessUnknown, CloakroomError, Misconfigured, Throttled
from chalicelib.model.access import Epoch
from chalicelib.store.known_access import KnownAccess
from tests.chalicelib.examples import NOW, an_end

if TYPE_CHECKING:
    from chalicelib.model.access import Revocation
    from tests.chalicelib.examples import Clock, Facts


@dataclass
class Source:
    """A table that counts, and fails or takes its time on demand."""

    clock: Clock
    now: Epoch = field(default_factory=Epoch)
    kept: dict[str, Revocation] = field(default_factory=dict)
    down: CloakroomError | None = None
    takes: float = 0
    asked: list[str] = field(default_factory=list)

    def epoch(self) -> Epoch:
        self._asked("epoch")
        return self.now

    def all(self) -> dict[str, Revocation]:
        self._asked("all")
        return dict(self.kept)

    def revoke(self, end: Revocation) -> None:
        self.kept[end.id] = end
        self.now = Epoch(rev=self.now.rev + 1)

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        self.clock.pass_seconds(self.takes)
        if self.down is not None:
            raise self.down


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


@pytest.fixture
def known(source: Source, clock: Clock, facts: Facts) -> KnownAccess:
    return KnownAccess(source, clock, facts)


def test_the_epoch_is_asked_for_every_two_seconds_and_the_list_when_it_changed(
    known: KnownAccess, source: Source, clock: Clock
) -> None:
    for _ in range(5):
        known.current()
    assert source.asked == ["epoch", "all"]

    clock.pass_seconds(1.999)
    known.current()
    assert source.asked == ["epoch", "all"]

    clock.pass_seconds(0.001)
    known.current()
    assert source.asked == ["epoch", "all", "epoch"]

    source.revoke(an_end())
    clock.pass_seconds(2)
    assert list(known.current().revoked) == [an_end().id]
    assert source.asked == ["epoch", "all", "epoch", "epoch", "all"]


def test_an_epoch_that_went_back_is_another_one(known: KnownAccess, source: Source, clock: Clock) -> None:
    source.now = Epoch(rev=7)
    known.current()
    source.kept, source.now = {an_end().id: an_end()}, Epoch(rev=3)
    clock.pass_seconds(2)

    assert list(known.current().revoked) == [an_end().id]


def test_what_changes_between_the_epoch_and_the_list_is_not_missed(
    known: KnownAccess, source: Source, clock: Clock
) -> None:
    first = source.epoch

    def then_revoked() -> Epoch:
        epoch = first()
        source.revoke(an_end())
        return epoch

    source.epoch = then_revoked
    known.current()
    source.epoch = first
    clock.pass_seconds(2)

    assert list(known.current().revoked) == [an_end().id]


def test_knowledge_is_as_old_as_the_question_not_as_the_answer(
    known: KnownAccess, source: Source, clock: Clock
) -> None:
    source.takes = 1.5

    assert known.current().known_at == NOW
    source.takes = 0
    known.current()

    assert source.asked == ["epoch", "all", "epoch"]
    assert known.current().known_at == clock()


@pytest.mark.parametrize("fault", [Throttled(), Misconfigured()])
def test_without_the_table_it_serves_for_five_seconds_and_nobody_beyond(
    known: KnownAccess, source: Source, clock: Clock, facts: Facts, fault: CloakroomError
) -> None:
    access = known.current()
    source.down = fault
    clock.pass_seconds(4.999)

    assert known.current() == access
    assert facts.heard == [{"event": "access.stale", "code": fault.code, "age_ms": 4_999}]
    clock.pass_seconds(0.001)
    with pytest.raises(AccessUnknown):
        known.current()

    source.down = None
    assert known.current().known_at == clock()


def test_a_table_that_takes_its_time_to_fail_does_not_lengthen_the_five_seconds(
    known: KnownAccess, source: Source, clock: Clock
) -> None:
    known.current()
    source.down, source.takes = Throttled(), 3
    clock.pass_seconds(2)

    with pytest.raises(AccessUnknown):
        known.current()


def test_a_process_that_never_knew_serves_nobody(known: KnownAccess, source: Source) -> None:
    source.down = Throttled()

    with pytest.raises(AccessUnknown):
        known.current()


def test_a_list_that_cannot_be_read_is_no_new_knowledge(known: KnownAccess, source: Source, clock: Clock) -> None:
    known.current()
    source.revoke(an_end())
    clock.pass_seconds(2)

    def failing() -> dict[str, Revocation]:
        raise Throttled

    working, source.all = source.all, failing
    assert known.current().epoch.rev == 0
    source.all = working

    assert known.current().epoch.rev == 1


def test_who_changes_something_here_is_told_at_once(known: KnownAccess, source: Source) -> None:
    known.current()
    source.revoke(an_end())

    assert known.current().revoked == {}
    known.forget()
    assert list(known.current().revoked) == [an_end().id]
    source.kept.clear()
    source.now = Epoch(rev=2)
    assert known.current().revoked != {}
    assert known.since(NOW + 1).revoked == {}


def test_what_the_table_said_since_a_moment_is_asked_for_once(known: KnownAccess, source: Source, clock: Clock) -> None:
    known.current()
    clock.pass_seconds(1)

    for _ in range(3):
        assert known.since(clock()).known_at == clock()

    assert source.asked == ["epoch", "all", "epoch"]


def test_no_last_resort_tells_what_the_table_says_since(known: KnownAccess, source: Source, clock: Clock) -> None:
    known.current()
    source.down = Throttled()
    clock.pass_seconds(1)

    with pytest.raises(AccessUnknown):
        known.since(clock())

    assert known.current().known_at == NOW


def test_of_sixteen_threads_one_looks(known: KnownAccess, source: Source) -> None:
    together = threading.Barrier(16)

    def ask() -> int:
        together.wait(10)
        return known.current().known_at

    with ThreadPoolExecutor(16) as pool:
        moments = [future.result() for future in [pool.submit(ask) for _ in range(16)]]

    assert set(moments) == {NOW}
    assert source.asked == ["epoch", "all"]
