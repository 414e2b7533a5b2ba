from __future__ import annotations

from bench.lines.end_to_end import blocks, percentile


def test_the_99th_percentile_of_a_hundred_is_the_worst_but_one() -> None:
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile([3, 1, 2], 99) == 3
    assert percentile([1], 99) == 1


def test_each_block_is_of_the_whole_run() -> None:
    assert blocks(list(range(6)), 2) == [[0, 2, 4], [1, 3, 5]]
