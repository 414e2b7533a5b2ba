"""Lambda's event filter patterns. Pure: a pattern and a record in, yes or no out.

The rules are those of "Filter rule syntax" in the Lambda developer guide. Two of them surprise: `exists` sees
leaf values only, and `numeric` never matches a DynamoDB number, for the record carries it as a string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Pattern = Mapping[str, Any]


class BadPattern(ValueError):
    """The pattern says something that Lambda would refuse when the mapping is created."""


def passes(record: Mapping[str, Any], patterns: Sequence[Pattern]) -> bool:
    """Tell whether a record passes a mapping's filters: any pattern matches, or there is none."""
    return not patterns or any(matches(record, pattern) for pattern in patterns)


def matches(record: Mapping[str, Any], pattern: Pattern) -> bool:
    """Tell whether one pattern matches: all of its fields do."""
    return all(_field_matches(record, name, wanted) for name, wanted in pattern.items())


def _field_matches(record: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "$or":
        return any(matches(record, alternative) for alternative in wanted)
    present = name in record
    value = record.get(name)
    if isinstance(wanted, Mapping):
        return any(matches(inner, wanted) for inner in _objects(value))
    return any(_rule_matches(value, rule, present=present) for rule in wanted)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """Look into an object, or into each object of a list; what is absent counts as empty."""
    if isinstance(value, Mapping):
        return [value]
    found: list[Mapping[str, Any]] = []
    if isinstance(value, list):
        found = [item for item in value if isinstance(item, Mapping)]
    return found or [{}]


def _rule_matches(value: Any, rule: Any, *, present: bool) -> bool:
    if isinstance(rule, Mapping):
        ((operator, argument),) = rule.items()
        if operator == "exists":
            return (present and not isinstance(value, Mapping)) is bool(argument)
        test = _OPERATORS[operator]
        return present and any(test(item, argument) for item in _leaves(value))
    return present and any(_equal(item, rule) for item in _leaves(value))


def _leaves(value: Any) -> list[Any]:
    """List the values that a rule is tried on: one value, or each element of a list."""
    return [item for item in (value if isinstance(value, list) else [value]) if not isinstance(item, Mapping)]


def _equal(value: Any, rule: Any) -> bool:
    """Compare as JSON does: true is not 1, and "1" is not 1."""
    if isinstance(value, bool) or isinstance(rule, bool):
        return value is rule
    return bool(value == rule)


def _begins(value: Any, start: Any) -> bool:
    return isinstance(value, str) and value.startswith(start)


def _ends(value: Any, end: Any) -> bool:
    return isinstance(value, str) and value.endswith(end)


def _equals_ignoring_case(value: Any, text: Any) -> bool:
    return isinstance(value, str) and value.casefold() == text.casefold()


def _is_anything_but(value: Any, refused: Any) -> bool:
    if isinstance(refused, Mapping):
        ((operator, argument),) = refused.items()
        return not _OPERATORS[operator](value, argument)
    return not any(_equal(value, item) for item in (refused if isinstance(refused, list) else [refused]))


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}


def _is_in_range(value: Any, bounds: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(bounds[::2], bounds[1::2], strict=True)
    return all(_COMPARISONS[comparison](value, bound) for comparison, bound in pairs)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _begins,
    "suffix": _ends,
    "equals-ignore-case": _equals_ignoring_case,
    "anything-but": _is_anything_but,
    "numeric": _is_in_range,
}


def check(pattern: Any) -> Pattern:
    """Return the pattern if Lambda would take it; raise BadPattern naming the field that it would refuse."""
    _check_object(pattern, "the pattern")
    result: Pattern = pattern
    return result


def _check_object(pattern: Any, where: str) -> None:
    if not isinstance(pattern, Mapping) or not pattern:
        raise BadPattern(f"{where} must be an object that is not empty")
    for name, wanted in pattern.items():
        if name == "$or":
            if not isinstance(wanted, list) or not wanted:
                raise BadPattern(f"{where}: $or must be a list of patterns")
            for alternative in wanted:
                _check_object(alternative, f"{where}, $or")
        elif isinstance(wanted, Mapping):
            _check_object(wanted, name)
        elif not isinstance(wanted, list) or not wanted:
            raise BadPattern(f"{name}: write the values to match as a list that is not empty")
        else:
            for rule in wanted:
                _check_rule(rule, name)


def _check_rule(rule: Any, name: str) -> None:
    if not isinstance(rule, Mapping):
        return
    if len(rule) != 1:
        raise BadPattern(f"{name}: one operator in each rule")
    ((operator, argument),) = rule.items()
    if operator != "exists" and operator not in _OPERATORS:
        raise BadPattern(f"{name}: there is no operator {operator!r}")
    if operator in {"prefix", "suffix", "equals-ignore-case"} and not isinstance(argument, str):
        raise BadPattern(f"{name}: {operator} takes a string")
    if operator == "numeric":
        _check_range(argument, name)


def _check_range(bounds: Any, name: str) -> None:
    if not isinstance(bounds, list) or not bounds or len(bounds) % 2 or set(bounds[::2]) - set(_COMPARISONS):
        raise BadPattern(f"{name}: numeric takes pairs of a comparison and a number, as in ['>=', 0, '<', 10]")
