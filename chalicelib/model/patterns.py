"""Path patterns: what one matches, whether one covers another, what one could reach.

In a pattern `*` matches any run of characters, `/` too, as in IAM. All else is itself.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from chalicelib.model import names

NAME: Final = "{}"
"""In a `shape`: a segment that holds any name, but none that a caller's own variable stands for."""


def is_plain(path: str) -> bool:
    """Say whether a decoded path could name something of ours: no empty segment, no step, no foreign character."""
    return path.startswith("/") and all(names.is_subject(segment) for segment in path[1:].split("/"))


def matches(pattern: str, path: str) -> bool:
    """Say whether a pattern matches a path.

    Not a regular expression: pieces are found from left to right in linear time, whatever the pattern.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return path == first
    *middle, last = rest
    if not path.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(path) - len(last) >= at and path.endswith(last)


def covers(wider: str, narrower: str) -> bool:
    """Say whether all that one pattern matches is matched by another, too.

    A `*` of the narrower one is taken for a letter that no piece of the wider one holds; so only a `*` of the wider one
    can match it, and that matches whatever stands there instead. A variable is the same text in both.
    """
    return matches(wider, narrower)


def first_segment(pattern: str) -> tuple[str, bool]:
    """Return what a pattern's first segment begins with, and whether that is all of it."""
    segment = pattern[1:].split("/", 1)[0]
    literal, star, _ = segment.partition("*")
    return literal, not star


def reaches(pattern: str, shape: str) -> bool:
    """Say whether a pattern matches any path of a shape like `/subjects/{}/tokens`, where `{}` is any name.

    A variable in the pattern is the caller's own: it is not any name.
    """
    letters = shape.replace(NAME, "\0")

    @cache
    def meet(at: int, of: int) -> bool:
        """Say whether `pattern[at:]` and `letters[of:]` have a path in common."""
        if at == len(pattern):
            return of == len(letters)
        if pattern[at] == "*":
            # The star ends here, or takes one more letter (of a name: one, and the name goes on or ends).
            return meet(at + 1, of) or (of < len(letters) and meet(at, of + 1))
        if of == len(letters):
            return False
        if letters[of] == "\0":
            # A letter of a name: after it the name goes on, or ends. It cannot be a separator, nor part of a variable.
            is_letter = pattern[at] not in "/$"
            return is_letter and (meet(at + 1, of) or meet(at + 1, of + 1))
        return pattern[at] == letters[of] and meet(at + 1, of + 1)

    return meet(0, 0)
