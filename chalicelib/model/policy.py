"""What a group's policy says: its statements, what they are limited to, and how they travel.

A statement allows or denies methods on paths (`patterns.py`). A variable, `${principal}` or `${claims.NAME}`, is a
whole segment of a path, or a whole value of a limit, and stands for what the caller's bearer token says. What is
decided by statements is in `decision.py`, what they must not say by accident in `wide.py`.

They are stored (the table's policy items) and carried (the authorizer's `grants`): never rename, never reuse.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from msgspec import Struct

from chalicelib.model import names
from chalicelib.model.clock import rfc3339
from chalicelib.model.limits import EVERYWHERE, FIELDS, Limits, limits_from_plain, limits_to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Effect = Literal["Allow", "Deny"]
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
PRINCIPAL: Final = "${principal}"
CLAIM_PATTERN: Final = r"[A-Za-z][A-Za-z0-9_]{0,63}"
"""Names of claims that a variable can name: no `.`, no `/`, no `:` of a namespace."""

PATH_LENGTH: Final = 128
WHY_LENGTH: Final = 1024
STATEMENTS_PER_POLICY: Final = 32
PATHS_PER_STATEMENT: Final = 32
NAMES_PER_LIMIT: Final = 32
ACKNOWLEDGEMENTS: Final = ("every_secret", "administration")
# What `compact` may give: it travels in the authorizer's context with the policy itself (see iam.py).
COMPACT_BYTES: Final = 2048

IN_TABLE: Final = "table"
"""In the context instead of `grants` that are too large for it: the service reads the groups' policies by itself."""

_BOUND_LENGTH: Final = 2048
"""Characters of a path with the caller's claims written in: eleven variables fit PATH_LENGTH, each of up to 128."""

_PATH: Final = r"^/[A-Za-z0-9\-._~:@|+=,*/]*$(?!\n)"
_SEGMENT: Final = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~:@|+=,*]+"
PATH_PATTERN: Final = rf"^/{_SEGMENT}(?:/(?:{_SEGMENT}|\$\{{(?:principal|claims\.{CLAIM_PATTERN})\}}))*$(?!\n)"
"""What a statement's path looks like, for the document: `_path_fault` says better what is wrong with one."""
_VARIABLE: Final = rf"\$\{{(?:principal|claims\.{CLAIM_PATTERN})\}}"
_SHORT: Final[dict[Effect, str]] = {"Allow": "+", "Deny": "-"}
_LONG: Final[dict[str, Effect]] = {"+": "Allow", "-": "Deny"}


class PolicyFault(ValueError):
    """A policy's document is not one, or says too much: `field` is where, as a path in the document, `rule` is why."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field or 'a policy'} {rule}")
        self.field = field
        self.rule = rule


class Statement(Struct, frozen=True, kw_only=True):
    """Allow or deny these methods (or `*`) on these paths.

    An Allow holds within its `limits`; a Deny has none: to deny more is safe. `group` and `index` say where it stands.
    """

    effect: Effect
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    group: str = ""
    index: int = 0
    limits: Limits = EVERYWHERE


class Policy(Struct, frozen=True, kw_only=True):
    """Hold what one group may do, and why it is so. What it `acknowledges` is wide on purpose."""

    group: str
    statements: tuple[Statement, ...]
    limits: Limits = EVERYWHERE
    why: str = ""
    acknowledges: tuple[str, ...] = ()


class PolicyRecord(Struct, frozen=True, kw_only=True):
    """A policy as it is kept: `rev` rises with each change, `updated_at` is in microseconds."""

    policy: Policy
    rev: int
    updated_at: int
    updated_by: str


def parse_policy(raw: object) -> Policy:
    """Return the policy that a plain dict describes; PolicyFault (a ValueError) says what is wrong and where."""
    optional = {"why", "limits", "acknowledges"}
    members = _members(raw, "", required={"group", "statements"}, optional=optional)
    group, why = members["group"], members.get("why", "")
    fault = names.group_fault(group) if isinstance(group, str) else "must be a string"
    if fault is not None:
        raise PolicyFault("group", fault)
    if not isinstance(why, str) or len(why) > WHY_LENGTH:
        raise PolicyFault("why", f"must be a string of at most {WHY_LENGTH} characters")
    limits = _limits(members["limits"]) if "limits" in members else EVERYWHERE
    listed = _list(members["statements"], "statements", STATEMENTS_PER_POLICY)
    statements = (_statement(item, f"statements[{index}]") for index, item in enumerate(listed))
    return Policy(
        group=group,
        statements=tuple(_placed(one, group, index, limits) for index, one in enumerate(statements)),
        limits=limits,
        why=why,
        acknowledges=_acknowledged(members.get("acknowledges", [])),
    )


def policy_to_plain(policy: Policy) -> dict[str, object]:
    """Write a policy as the document that `parse_policy` reads; what is left out there is left out here."""
    written: dict[str, object] = {
        "group": policy.group,
        "statements": [
            {"effect": one.effect, "methods": list(one.methods), "paths": list(one.paths)} for one in policy.statements
        ],
    }
    if policy.limits != EVERYWHERE:
        written["limits"] = limits_to_plain(policy.limits)
    if policy.why:
        written["why"] = policy.why
    if policy.acknowledges:
        written["acknowledges"] = list(policy.acknowledges)
    return written


def policy_view(record: PolicyRecord) -> dict[str, object]:
    """Return a policy as the contract shows it: every member, also where it was left out."""
    policy = record.policy
    shown = {**policy_to_plain(policy), "limits": limits_to_plain(policy.limits), "why": policy.why}
    return {
        **shown,
        "acknowledges": list(policy.acknowledges),
        "rev": record.rev,
        "updated_at": rfc3339(record.updated_at),
        "updated_by": record.updated_by,
        "links": {"self": f"/policies/{policy.group}"},
    }


def variables(text: str) -> list[str]:
    """Return the variables that stand in a path or are a limit's value."""
    return re.findall(_VARIABLE, text)


def with_variables(path: str, value_of: Callable[[str], str]) -> str:
    """Return a path with a text in place of each variable."""
    return re.sub(_VARIABLE, lambda found: value_of(found[0]), path)


def compact(statements: Iterable[Statement], groups: Sequence[str] | None = None) -> str:
    """Write statements as short ASCII JSON for the authorizer's context; ValueError beyond COMPACT_BYTES.

    `groups` is the order of the context's groups: a statement names its own, and its limits, by number. Of statements
    that say the same the first is written.
    """
    listed = list(statements)
    order = list(dict.fromkeys(one.group for one in listed)) if groups is None else list(groups)
    once: dict[tuple[object, ...], Statement] = {}
    for one in listed:
        once.setdefault((one.effect, one.methods, one.paths, one.limits), one)
    kept = list(once.values())
    limits = list(dict.fromkeys(one.limits for one in kept if one.limits != EVERYWHERE))
    rows = [[_SHORT[one.effect], " ".join(one.methods), _whence(one, order, limits), *one.paths] for one in kept]
    text = json.dumps([[limits_to_plain(one) for one in limits], *rows], separators=(",", ":"))
    if len(text) > COMPACT_BYTES:
        raise ValueError(f"the caller's statements take {len(text)} bytes, {COMPACT_BYTES} are the limit")
    return text


def from_compact(text: str, groups: Sequence[str]) -> tuple[Statement, ...]:
    """Read back what `compact` wrote for these groups; ValueError for anything else."""
    try:
        limits, *rows = json.loads(text)
        known = [limits_from_plain(one) for one in limits]
        return tuple(_from_row(row, groups, known) for row in rows)
    except (TypeError, KeyError, AttributeError, IndexError, RecursionError):
        raise ValueError("grants are not what compact() wrote") from None


def _whence(statement: Statement, groups: Sequence[str], limits: Sequence[Limits]) -> list[int]:
    where = [groups.index(statement.group), statement.index]
    return where if statement.limits == EVERYWHERE else [*where, limits.index(statement.limits)]


def _from_row(row: Sequence[Any], groups: Sequence[str], limits: Sequence[Limits]) -> Statement:
    effect, methods, (group, index, *limited), *paths = row
    numbers = [group, index, *limited]
    if len(limited) > 1 or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("grants are not what compact() wrote")
    raw = {"effect": _LONG[effect], "methods": methods.split(" "), "paths": paths}
    one = _statement(raw, "grants", longest=_BOUND_LENGTH)
    return _placed(one, groups[group], index, limits[limited[0]] if limited else EVERYWHERE)


def _placed(one: Statement, group: str, index: int, limits: Limits) -> Statement:
    within = limits if one.effect == "Allow" else EVERYWHERE
    return Statement(effect=one.effect, methods=one.methods, paths=one.paths, group=group, index=index, limits=within)


def _statement(raw: object, where: str, longest: int = PATH_LENGTH) -> Statement:
    members = _members(raw, where, required={"effect", "methods", "paths"}, optional=set())
    effect = members["effect"]
    if effect not in ("Allow", "Deny"):
        raise PolicyFault(f"{where}.effect", "must be 'Allow' or 'Deny'")
    methods = _list(members["methods"], f"{where}.methods", len(METHODS))
    if not all(method == "*" or method in METHODS for method in methods):
        raise PolicyFault(f"{where}.methods", f"must be of {', '.join(METHODS)}, or be '*'")
    paths = _list(members["paths"], f"{where}.paths", PATHS_PER_STATEMENT)
    for index, path in enumerate(paths):
        fault = _path_fault(path, longest)
        if fault is not None:
            raise PolicyFault(f"{where}.paths[{index}]", fault)
    return Statement(
        effect=cast("Effect", effect),
        methods=tuple(cast("list[str]", methods)),
        paths=tuple(cast("list[str]", paths)),
    )


def _path_fault(path: object, longest: int) -> str | None:  # noqa: PLR0911  a sentence each
    if not isinstance(path, str) or not path.startswith("/"):
        return "must be a string that begins with '/'"
    if len(path) > longest:
        return f"has at most {longest} characters"
    first, *rest = path[1:].split("/")
    if any("$" in one and not re.fullmatch(_VARIABLE, one) for one in (first, *rest)):
        return f"may hold {PRINCIPAL} or ${{claims.NAME}} as a whole segment only, and no other '$'"
    if "$" in first:
        return "begins with a variable: a caller's own claim must not say which route is meant"
    literal = [one for one in (first, *rest) if "$" not in one]
    if not re.search(_PATH, "/" + "/".join(literal)):
        return "holds a character that no path of ours has; '*' is the only wildcard, and '?' is none"
    if "" in (first, *rest) or "." in literal or ".." in literal:
        return "has an empty segment or a step ('.', '..'): no path of ours has one"
    return None


_LIMIT_FAULTS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "environments": names.environment_fault,
    "domains": names.domain_fault,
    "providers": names.provider_fault,
}


def _limits(raw: object) -> Limits:
    members = _members(raw, "limits", required=set(), optional=set(FIELDS))
    if not members:
        raise PolicyFault("limits", f"must have one of {', '.join(FIELDS)}; leave it out for none")
    for field, given in members.items():
        for index, value in enumerate(_list(given, f"limits.{field}", NAMES_PER_LIMIT)):
            if not isinstance(value, str):
                raise PolicyFault(f"limits.{field}[{index}]", "must be a string")
            fault = None if re.fullmatch(_VARIABLE, value) else _LIMIT_FAULTS[field](value)
            if fault is not None:
                raise PolicyFault(f"limits.{field}[{index}]", f"must be a name or a whole variable: {fault}")
    return limits_from_plain(members)


def _acknowledged(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or any(one not in ACKNOWLEDGEMENTS for one in raw) or len(set(raw)) != len(raw):
        raise PolicyFault("acknowledges", f"must be a list of {', '.join(ACKNOWLEDGEMENTS)}, each once")
    return tuple(raw)


def _members(raw: object, where: str, *, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise PolicyFault(where, "must be an object")
    unknown = sorted(str(key) for key in raw if key not in required | optional)
    if unknown:
        raise PolicyFault(where, f"has unknown keys: {', '.join(unknown)}")
    missing = sorted(required - set(raw))
    if missing:
        raise PolicyFault(where, f"lacks {', '.join(missing)}")
    return raw


def _list(raw: object, where: str, most: int) -> Sequence[object]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= most:
        raise PolicyFault(where, f"must be a list of 1 to {most}")
    return raw
