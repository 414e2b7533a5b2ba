from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.model.watch import Scope
from chalicelib.store import keys
from chalicelib.store.connections import Connections, connection_from_item, watch_from
from tests.chalicelib.examples import JANE, NOW, a_connection, an_id

if TYPE_CHECKING:
    from chalicelib.store.table import Table


@pytest.fixture
def connections(table: Table) -> Connections:
    return Connections(table)


def names_of(connections: Connections, person: str, now: int = NOW) -> list[str]:
    return [connection.id for connection in connections.of(person, now) if not isinstance(connection, Unreadable)]


def test_a_connection_is_found_by_its_person_and_by_its_id(connections: Connections) -> None:
    connection = a_connection("c1", scope=Scope.JOB, job_id=an_id(1), owns=False, hands_in=True)

    connections.join(connection)

    assert list(connections.of(JANE, NOW)) == [connection]
    assert connections.find("c1") == connection


def test_a_person_may_have_many_and_sees_nobody_elses(connections: Connections) -> None:
    for name, person in (("c1", JANE), ("c2", JANE), ("c3", "john")):
        connections.join(a_connection(name, person=person))

    assert names_of(connections, JANE) == ["c1", "c2"]
    assert names_of(connections, "john") == ["c3"]
    assert names_of(connections, "nobody") == []


def test_a_connection_that_left_is_found_nowhere(connections: Connections) -> None:
    connections.join(a_connection("c1"))

    assert connections.leave("c1") == a_connection("c1")

    assert names_of(connections, JANE) == []
    assert connections.find("c1") is None


def test_leaving_twice_or_without_having_joined_is_nothing(connections: Connections) -> None:
    assert connections.leave("never") is None


def test_forgetting_a_connection_half_forgotten_finishes_it(connections: Connections, table: Table) -> None:
    connections.join(a_connection("c1"))
    table.delete(keys.watch_key(JANE, "c1"))

    connections.leave("c1")

    assert connections.find("c1") is None


def test_a_connection_past_its_time_is_not_found_also_before_the_table_lets_it_go(connections: Connections) -> None:
    connections.join(a_connection("c1"))
    ends = NOW + (7_200 + 600) * SECOND

    assert names_of(connections, JANE, ends - 1) == ["c1"]
    assert names_of(connections, JANE, ends) == []


def test_more_connections_than_a_page_holds_are_all_found(connections: Connections, table: Table) -> None:
    asked: list[dict[str, Any]] = []

    class Pages:
        """The same table by pages of two."""

        name = table.name

        def query(self, **arguments: Any) -> Any:
            asked.append(arguments)
            return table.query(**arguments, Limit=2)

    for number in range(5):
        connections.join(a_connection(f"c{number}"))

    assert names_of(Connections(Pages()), JANE) == ["c0", "c1", "c2", "c3", "c4"]
    assert len(asked) == 3


def test_one_that_does_not_parse_is_found_as_its_fault_among_the_others(connections: Connections, table: Table) -> None:
    connections.join(a_connection("c1"))
    whole = table.get(keys.watch_key(JANE, "c1"))
    table.put({**whole, **keys.watch_key(JANE, "c0"), "scope": "team"})

    fault, connection = connections.of(JANE, NOW)

    assert isinstance(fault, Unreadable)
    assert connection == a_connection("c1")


@pytest.mark.parametrize(
    "item",
    [
        {"principal": "p", "person": "p", "scope": "person", "since": 1},
        {"connection": "c", "principal": "p", "person": "p", "scope": "person"},
        {"connection": "c", "since": 1, "principal": "p", "scope": "person"},
    ],
)
def test_a_connection_without_a_part_is_unreadable(item: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        connection_from_item(item)


def test_a_scope_of_a_later_version_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="a watch with"):
        watch_from({"principal": "p", "person": "p", "scope": "everything"})
