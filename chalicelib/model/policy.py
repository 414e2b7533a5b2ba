"""Say who may do what: a group's statements, and the one decision that is made over them.

A statement allows or denies methods on paths. In a path `*` matches any run of characters, `/` too, as in
IAM; `${principal}` is a whole segment and stands for the caller. An explicit Deny wins over every Allow,
what nothing allows is denied, and the statements of several groups are simply put together.
The same statements are written out for API Gateway (`iam.py`) and evaluated again by the service.

They are stored (the table's policy items) and carried (the authorizer's `grants`): never rename, never reuse.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from chalicelib.model import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Effect = Literal["Allow", "Deny"]
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
PRINCIPAL: Final = "${principal}"
PATH_LENGTH: Final = 128
WHY_LENGTH: Final = 1024
STATEMENTS_PER_POLICY: Final = 32
PATHS_PER_STATEMENT: Final = 32
# What `compact` may give: it travels in the authorizer's context with the policy itself (see iam.py).
COMPACT_BYTES: Final = 2048

_PATH: Final = re.compile(r"^/[A-Za-z0-9\-._~:@|+=,*/]*$(?!\n)")
_SHORT: Final[dict[Effect, str]] = {"Allow": "+", "Deny": "-"}
_LONG: Final[dict[str, Effect]] = {"+": "Allow", "-": "Deny"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Allow or deny these methods (or `*`) on these paths."""

    effect: Effect
    methods: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Hold what one group may do, and why it is so."""

    group: str
    statements: tuple[Statement, ...]
    why: str = ""


def parse_policy(raw: object) -> Policy:
    """Return the policy that a plain dict describes; ValueError says what is wrong and where."""
    members = _members(raw, "a policy", required={"group", "statements"}, optional={"why"})
    group, why = members["group"], members.get("why", "")
    fault = names.group_fault(group) if isinstance(group, str) else "must be a string"
    if fault is not None:
        raise ValueError(f"group: {fault}")
    if not isinstance(why, str) or len(why) > WHY_LENGTH:
        raise ValueError(f"why must be a string of at most {WHY_LENGTH} characters")
    listed = _list(members["statements"], "statements", STATEMENTS_PER_POLICY)
    statements = tuple(_statement(item, f"statements[{index}]") for index, item in enumerate(listed))
    return Policy(group=group, statements=statements, why=why)


def allows(statements: Iterable[Statement], principal: str, method: str, path: str) -> bool:
    """Say whether this principal may use this method on this decoded path.

    Methods and paths compare exactly. A path with an empty segment, a step (`.`, `..`) or a character that
    no name holds is denied to everybody: it names nothing of ours, and no pattern was written for it.
    """
    if not _is_plain(path):
        return False
    allowed = False
    for statement in statements:
        if "*" not in statement.methods and method not in statement.methods:
            continue
        if any(_matches(pattern, path) for pattern in resolved(statement, principal)):
            if statement.effect == "Deny":
                return False
            allowed = True
    return allowed


def resolved(statement: Statement, principal: str, spelling: str | None = None) -> Iterator[str]:
    """Give the statement's paths with the principal written in, in another spelling if one is given.

    A principal that is no legal subject owns nothing, so its `${principal}` paths vanish. Written in, it
    could bring a wildcard or a slash along; escaped, it would be a second grammar to get wrong.
    """
    owner = names.is_subject(principal)
    for path in statement.paths:
        if PRINCIPAL not in path:
            yield path
        elif owner:
            yield path.replace(PRINCIPAL, principal if spelling is None else spelling)


def compact(statements: Iterable[Statement]) -> str:
    """Write statements as short ASCII JSON for the authorizer's context; ValueError beyond COMPACT_BYTES."""
    once = dict.fromkeys((_SHORT[s.effect], " ".join(s.methods), s.paths) for s in statements)
    text = json.dumps([[effect, methods, *paths] for effect, methods, paths in once], separators=(",", ":"))
    if len(text) > COMPACT_BYTES:
        raise ValueError(f"the caller's statements take {len(text)} bytes, {COMPACT_BYTES} are the limit")
    return text


def from_compact(text: str) -> tuple[Statement, ...]:
    """Read back what `compact` wrote; ValueError for anything else."""
    try:
        rows = json.loads(text)
        return tuple(
            _statement({"effect": _LONG[effect], "methods": methods.split(" "), "paths": paths}, "grants")
            for effect, methods, *paths in rows
        )
    except (TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("grants are not what compact() wrote") from None


def _statement(raw: object, where: str) -> Statement:
    members = _members(raw, where, required={"effect", "methods", "paths"}, optional=set())
    effect = members["effect"]
    if effect not in ("Allow", "Deny"):
        raise ValueError(f"{where}.effect must be 'Allow' or 'Deny'")
    methods = _list(members["methods"], f"{where}.methods", len(METHODS))
    if not all(method == "*" or method in METHODS for method in methods):
        raise ValueError(f"{where}.methods must be of {', '.join(METHODS)}, or be '*'")
    paths = _list(members["paths"], f"{where}.paths", PATHS_PER_STATEMENT)
    for index, path in enumerate(paths):
        fault = _path_fault(path)
        if fault is not None:
            raise ValueError(f"{where}.paths[{index}] {fault}")
    return Statement(
        effect=cast("Effect", effect),
        methods=tuple(cast("list[str]", methods)),
        paths=tuple(cast("list[str]", paths)),
    )


def _path_fault(path: object) -> str | None:
    if not isinstance(path, str) or not path.startswith("/"):
        return "must be a string that begins with '/'"
    if len(path) > PATH_LENGTH:
        return f"has at most {PATH_LENGTH} characters"
    segments = path.split("/")
    if any("$" in segment and segment != PRINCIPAL for segment in segments):
        return f"may hold {PRINCIPAL} as a whole segment only, and no other '$'"
    if not _PATH.search("/".join(segment for segment in segments if segment != PRINCIPAL) or "/"):
        return "holds a character that no path of ours has; '*' is the only wildcard, and '?' is none"
    if "" in segments[1:] or "." in segments or ".." in segments:
        return "has an empty segment or a step ('.', '..'): no path of ours has one"
    return None


def _members(raw: object, where: str, *, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004 - all faults of a document are ValueErrors
    unknown = sorted(str(key) for key in raw if key not in required | optional)
    if unknown:
        raise ValueError(f"{where} has unknown keys: {', '.join(unknown)}")
    missing = sorted(required - set(raw))
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    return raw


def _list(raw: object, where: str, most: int) -> Sequence[object]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= most:
        raise ValueError(f"{where} must be a list of 1 to {most}")
    return raw


def _is_plain(path: str) -> bool:
    return path.startswith("/") and all(names.is_subject(segment) for segment in path[1:].split("/"))


def _matches(pattern: str, path: str) -> bool:
    # Not a regular expression: pieces are found from left to right in linear time, whatever the pattern.
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
