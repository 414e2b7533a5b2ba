from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import NotFound
from chalicelib.model.clock import SECOND
from chalicelib.model.quarantine import Quarantined, Sighting
from chalicelib.store import keys
from chalicelib.store.quarantine import Quarantine
from tests.chalicelib.examples import NOW

if TYPE_CHECKING:
    from chalicelib.store.table import Table


@pytest.fixture
def quarantine(table: Table) -> Quarantine:
    return Quarantine(table)


def a_sighting(pointer: str = "100", *, is_final: bool = False) -> Sighting:
    return Sighting(source="advance", pointer=pointer, job_id="job-1", reason="KeyError", is_final=is_final)


def test_what_fails_for_an_unforeseen_reason_is_set_aside_at_its_fourth_failure(quarantine: Quarantine) -> None:
    aside = [quarantine.sighted(a_sighting(), NOW + number * SECOND) for number in range(6)]

    assert aside == [False, False, False, True, True, True]
    assert quarantine.find("advance", "100") == Quarantined(
        source="advance",
        pointer="100",
        job_id="job-1",
        reason="KeyError",
        first_seen=NOW,
        last_seen=NOW + 5 * SECOND,
        seen=6,
        is_aside=True,
    )


def test_what_no_time_will_mend_is_set_aside_at_once(quarantine: Quarantine) -> None:
    assert quarantine.sighted(a_sighting(is_final=True), NOW) is True


def test_the_same_pointer_of_another_handler_is_another_matter(quarantine: Quarantine) -> None:
    quarantine.sighted(a_sighting(), NOW)

    with pytest.raises(NotFound):
        quarantine.find("notify", "100")


def test_everything_that_is_set_aside_is_listed_from_all_shards(quarantine: Quarantine) -> None:
    for number in range(40):
        quarantine.sighted(a_sighting(str(number)), NOW)

    assert sorted(int(found.pointer) for found in quarantine.listed()) == list(range(40))


def test_what_is_released_is_forgotten(quarantine: Quarantine) -> None:
    quarantine.sighted(a_sighting(), NOW)

    quarantine.release("advance", "100")

    assert list(quarantine.listed()) == []


def test_a_note_ends_after_thirty_days(quarantine: Quarantine, table: Table) -> None:
    quarantine.sighted(a_sighting(), NOW)

    item = table.get(keys.quarantine_key("advance", "100"))
    assert item is not None
    assert item["ttl"] == NOW // SECOND + 30 * 86_400
