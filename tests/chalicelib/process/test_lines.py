"""A line is the same line wherever a range cuts the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.process.lines import Line, count, lines

LONGEST = 12


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[begin : begin + size] for begin in range(0, len(content), size)]


def told(found: list[Line]) -> list[tuple[int, bytes | None, int]]:
    return [(line.number, line.raw, line.end) for line in found]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [(1, b"", 1)]),
        (b"a\nb", [(1, b"a", 2), (2, b"b", 3)]),
        (b"a\nb\n", [(1, b"a", 2), (2, b"b", 4)]),
        (b"a\r\nb\r\n", [(1, b"a", 3), (2, b"b", 6)]),
        (b"a\n\n\nb\n", [(1, b"a", 2), (2, b"", 3), (3, b"", 4), (4, b"b", 6)]),
        (b"\xef\xbb\xbfa\nb\n", [(1, b"a", 5), (2, b"b", 7)]),
        ("é€𝄞\né\n".encode(), [(1, "é€𝄞".encode(), 10), (2, "é".encode(), 13)]),
        (b"x" * 12 + b"\ny", [(1, b"x" * 12, 13), (2, b"y", 14)]),
        (b"x" * 12 + b"\r\ny", [(1, b"x" * 12, 14), (2, b"y", 15)]),
        (b"x" * 13 + b"\ny", [(1, None, 14), (2, b"y", 15)]),
        (b"a\n" + b"x" * 99, [(1, b"a", 2), (2, None, 101)]),
        (b"x" * 99 + b"\n" + b"y" * 99 + b"\nz\n", [(1, None, 100), (2, None, 200), (3, b"z", 202)]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 13, 64, 1_000])
def test_lines_are_found_wherever_a_range_cuts(
    content: bytes, expected: list[tuple[int, bytes | None, int]], size: int
) -> None:
    parts = cut(content, size)

    assert told(list(lines(parts, longest=LONGEST))) == expected
    assert count(parts) == len(expected)


@given(
    st.binary(max_size=80).map(lambda raw: raw.replace(b"\x00", b"\n").replace(b"\x01", b"\r\n")), st.integers(1, 20)
)
def test_beginning_behind_any_line_finds_the_same_lines(content: bytes, size: int) -> None:
    whole = list(lines(cut(content, size), longest=LONGEST))

    assert count(cut(content, size)) == len(whole)
    for line in whole:
        rest = list(lines(cut(content[line.end :], size), longest=LONGEST, offset=line.end, done=line.number))
        assert rest == whole[line.number :]


def test_a_line_that_is_too_long_is_never_held_whole() -> None:
    held: list[int] = []

    def parts() -> object:
        for _ in range(100):
            held.append(1)
            yield b"x" * 1_000
        yield b"\nshort"

    found = list(lines(parts(), longest=LONGEST))  # type: ignore[arg-type]

    assert told(found) == [(1, None, 100_001), (2, b"short", 100_006)]


@pytest.mark.parametrize(("raw", "is_empty"), [(b"", True), (b" \t ", True), (b"{}", False), (None, False)])
def test_a_line_of_white_space_is_empty_and_one_that_is_too_long_is_not(raw: bytes | None, is_empty: bool) -> None:  # noqa: FBT001
    assert Line(number=1, raw=raw, end=1).is_empty is is_empty


def test_a_line_is_not_in_its_repr() -> None:
    assert "invented" not in repr(Line(number=1, raw=b"invented", end=9))
