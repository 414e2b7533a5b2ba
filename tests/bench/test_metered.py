from __future__ import annotations

import pytest

from bench.metered import Units, units_of

ROWS = {
    ("", "PutItem JOB"): {"calls": 2.0, "writes": 4.0, "index_writes": 6.0},
    ("", "Query WATCH"): {"calls": 4.0, "reads": 4.0},
    ("", "GetItem ACCESS"): {"calls": 9.0, "reads": 9.0},
    ("", "Query BRANCH"): {"calls": 1.0, "reads": 1.0},
    ("", "KMS Decrypt"): {"kms": 1.0},
}


def test_what_follows_from_tokens_is_added_up_and_what_follows_from_the_clock_is_not() -> None:
    assert units_of(ROWS) == Units(calls=6, writes=4, index_writes=6, reads=4)


def test_the_average_of_two_is_half_of_each() -> None:
    each = units_of(ROWS).each(2)

    assert (each.written, each.reads, each.total) == (5, 2, 7)


def test_a_refused_request_is_no_figure() -> None:
    with pytest.raises(ValueError, match="PutItem JOB: ThrottlingException"):
        units_of({("", "PutItem JOB: ThrottlingException"): {"refused": 1}})
