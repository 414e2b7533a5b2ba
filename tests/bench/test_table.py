"""The table as it is printed and written."""

from __future__ import annotations

from bench.figures import Line, unmeasured
from bench.table import figure, markdown, terminal

COLD = Line(
    name="cold intake",
    unit="ms of processor",
    ours=31.5,
    peer=237.0,
    limit=22.0,
    target="≤ 1.6 × limit, ≥ 6 × peer",
    passed=True,
    spread={"ours": (31.0, 32.25), "peer": (230.0, 241.0), "limit": (21.5, 22.5)},
    details=["wall time: ours 40 ms"],
)
SETTLE = Line(
    name="settle",
    unit="records/s",
    ours=12_345.6,
    limit=25_000.0,
    target="≥ 0.7 × limit",
    passed=False,
    more_is_better=True,
)


def test_the_terminal_shows_all_in_line_with_spread_and_details() -> None:
    assert (
        terminal([COLD, SETTLE])
        == """\
line         unit               ours  peer   limit  × limit  × peer  target                           middle half of ours / peer / limit
----------------------------------------------------------------------------------------------------------------------------------------
cold intake  ms of processor    31.5   237    22.0     1.43    7.52  ≤ 1.6 × limit, ≥ 6 × peer  pass  31.0..32.2 / 230..241 / 21.5..22.5
settle       records/s        12,346        25,000     0.49          ≥ 0.7 × limit              FAIL  - / - / -

cold intake:
  wall time: ours 40 ms
"""  # noqa: E501  as wide as it is
    )


def test_the_readme_has_the_same_without_the_spread() -> None:
    assert (
        markdown([COLD, SETTLE])
        == """\
| line | unit | ours | peer | limit | × limit | × peer | target |  |
| --- | --- | --: | --: | --: | --: | --: | --- | --- |
| cold intake | ms of processor | 31.5 | 237 | 22.0 | 1.43 | 7.52 | ≤ 1.6 × limit, ≥ 6 × peer | pass |
| settle | records/s | 12,346 |  | 25,000 | 0.49 |  | ≥ 0.7 × limit | FAIL |
"""
    )


def test_what_could_not_be_measured_is_an_empty_row_that_failed() -> None:
    assert "| push |  |  |  |  |  |  |  | FAIL |\n" in markdown([unmeasured("push", "no cloud")])


def test_a_figure_has_three_digits_that_count() -> None:
    figures = [0.1234, 1.0, 9.876, 12.34, 123.4, 1_234.5, None]

    assert [figure(one) for one in figures] == ["0.12", "1.00", "9.88", "12.3", "123", "1,234", ""]
