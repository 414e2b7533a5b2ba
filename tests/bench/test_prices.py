from __future__ import annotations

from dataclasses import fields

import pytest

from bench.prices import (
    A_DAY,
    A_MONTH,
    ONE_PUT,
    PRICES,
    REFRESH,
    Life,
    Use,
    invoked,
    secrets_manager,
    step_functions,
)


def test_each_thing_that_is_used_has_a_price_and_each_price_is_used() -> None:
    assert [field.name for field in fields(Use)] == list(PRICES)


def test_a_million_puts_of_two_kilobytes_are_a_dollar_and_a_quarter() -> None:
    assert ONE_PUT.dollars() == pytest.approx(1.25)
    assert ONE_PUT.bill() == {"write_units": pytest.approx(1.25)}


def test_uses_are_added_and_multiplied_member_by_member() -> None:
    use = Use(write_units=2) + Use(write_units=1, read_units=4)

    assert use.times(3) == Use(write_units=9, read_units=12)


def test_an_invocation_is_paid_by_number_and_by_half_a_gigabyte_for_its_seconds() -> None:
    assert invoked(1, seconds=0.1).bill() == {
        "invocations": pytest.approx(0.20),
        "function_gb_seconds": pytest.approx(0.833335),
    }


def test_a_secret_is_paid_by_its_share_of_the_month_and_each_call() -> None:
    a_day = secrets_manager(A_DAY)

    assert a_day.bill() == {"secret_months": pytest.approx(13_333.33, abs=0.01), "secret_calls": pytest.approx(20.0)}
    assert secrets_manager(A_MONTH).secret_months == 1
    assert secrets_manager(A_MONTH).secret_calls == 4 + 2 * 30


def test_a_standard_workflow_is_paid_by_its_states_and_an_express_one_by_start_and_time() -> None:
    standard, express = step_functions(A_DAY, express=False), step_functions(A_DAY, express=True)

    assert standard.bill()["transitions"] == pytest.approx(75.0)
    assert express.bill()["express_starts"] == pytest.approx(1.0)
    assert express.bill()["express_gb_seconds"] == pytest.approx(0.104, abs=0.001)
    assert standard.bill()["write_units"] == express.bill()["write_units"] == pytest.approx(7.5)


def test_whoever_is_not_refreshed_pays_for_no_refresh() -> None:
    still = Life(days=30)

    assert secrets_manager(still).invocations == 0
    assert step_functions(still, express=False).transitions == 3


def test_a_refresh_of_ours_is_18_dollars_of_writes_a_million_and_most_of_the_rest_waits_for_the_provider() -> None:
    bill = REFRESH.bill()

    assert bill["write_units"] == pytest.approx(18.125)
    assert max((name for name in bill if name != "write_units"), key=bill.__getitem__) == "function_gb_seconds"
