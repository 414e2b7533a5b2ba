"""Bytes as they come → lines, numbered from 1. Pure: where the bytes come from is the caller's."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, ClassVar

from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BOM = codecs.BOM_UTF8
"""Some programs write it before the first line (RFC 8259 lets a reader ignore it)."""


class Line(Discreet, frozen=True, kw_only=True):
    """One line without its end (LF or CR LF); `end` is the offset behind that. `raw` is None for one that is too long.

    Split at the byte 0x0A: in UTF-8 it is part of no other character, wherever a range may have cut.
    """

    HIDDEN: ClassVar[tuple[str, ...]] = ("raw",)

    number: int
    raw: bytes | None
    end: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it but white space."""
        return self.raw is not None and not self.raw.strip()


def lines(parts: Iterable[bytes], *, longest: int, offset: int = 0, done: int = 0) -> Iterator[Line]:
    """Yield the lines of a file whose bytes from `offset` come in `parts`; `done` lines end there.

    A line of more than `longest` bytes is never held whole. The last line needs no end; behind an end is no line.
    """
    held, size, number = b"", 0, done
    for part in parts:
        begin = 0
        while (at := part.find(b"\n", begin)) >= 0:
            size += at - begin
            number += 1
            offset += size + 1
            raw = held + part[begin:at] if size <= longest + 1 else None
            yield _line(number, raw, offset, longest)
            held, size, begin = b"", 0, at + 1
        size += len(part) - begin
        held = held + part[begin:] if size <= longest + 1 else b""
    if size:
        yield _line(number + 1, held if size <= longest + 1 else None, offset + size, longest)


def count(parts: Iterable[bytes]) -> int:
    """Return how many lines `lines` finds."""
    found, last = 0, b""
    for part in parts:
        if part:
            found += part.count(b"\n")
            last = part[-1:]
    return found + (last not in (b"", b"\n"))


def _line(number: int, raw: bytes | None, end: int, longest: int) -> Line:
    """Return a line without the CR before its end; so it may be one byte longer until that is gone."""
    if raw is not None:
        raw = raw.removesuffix(b"\r")
        raw = raw.removeprefix(BOM) if number == 1 else raw
    return Line(number=number, raw=raw if raw is not None and len(raw) <= longest else None, end=end)
