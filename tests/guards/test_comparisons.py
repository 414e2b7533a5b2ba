"""Secrets are compared in constant time, and no regular expression is made of what a caller sent."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.guards.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCES = [*sorted((ROOT / "chalicelib").rglob("*.py")), ROOT / "app.py"]

# What a guess must not be measured against: names of values that are secret, or that prove one.
TELLING = re.compile(
    r"(secret|password|credential|signature|body_mark|fingerprint|check_value|digest|mac|hmac|tag|bearer)s?$"
)

PATTERNS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}


def name_of(node: ast.expr) -> str:
    """Return what a value is called: a name, an attribute, the function that gave it."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return name_of(function)
    return ""


def plain_comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = compared(node)
            if any(isinstance(side, ast.Constant) for side in sides):
                continue  # with None, or with a word of ours
            yield from ((node.lineno, name) for side in sides if TELLING.search(name := name_of(side)))


def compared(node: ast.Compare) -> list[ast.expr]:
    """Return what is compared for being equal, also with each of a few; `secret in text` looks into one's own text."""
    found: list[ast.expr] = []
    for operator, right in zip(node.ops, node.comparators, strict=True):
        match operator, right:
            case (ast.Eq() | ast.NotEq(), _):
                found += [node.left, right]
            case (ast.In() | ast.NotIn(), ast.Tuple(elts=several) | ast.List(elts=several) | ast.Set(elts=several)):
                found += [node.left, *several]
    return found


def patterns_of_a_value(tree: ast.AST) -> Iterator[int]:
    """Find calls of `re` whose pattern is no literal and no name in capitals."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=attribute), args=[pattern, *_]):
                if attribute in PATTERNS and not is_fixed(pattern):
                    yield node.lineno


def is_fixed(pattern: ast.expr) -> bool:
    match pattern:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.JoinedStr(values=parts):
            inside = [part.value for part in parts if isinstance(part, ast.FormattedValue)]
            return all(is_fixed(value) or is_arithmetic(value) for value in inside)
    return False


def is_arithmetic(value: ast.expr) -> bool:
    return isinstance(value, ast.BinOp) and is_fixed(value.left) and is_fixed(value.right)


def tree_of(source: Path) -> ast.AST:
    return ast.parse(source.read_text(encoding="utf-8"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_secret_is_compared_by_an_operator_that_stops_at_the_first_difference(source: Path) -> None:
    """Use `hmac.compare_digest`."""
    assert list(plain_comparisons(tree_of(source))) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_regular_expression_is_ours(source: Path) -> None:
    assert list(patterns_of_a_value(tree_of(source))) == []


@pytest.mark.parametrize(
    "code",
    [
        "stored.body_mark == expected",
        "if sent != self.secret: pass",
        "x = check_value(branch) == wrapped.check",
        "a in (fingerprint, other)",
    ],
)
def test_the_guard_sees_a_plain_comparison(code: str) -> None:
    assert list(plain_comparisons(ast.parse(code)))


@pytest.mark.parametrize("code", ["re.compile(text)", "re.match(f'{text}', x)", "re.search(body.pattern, x)"])
def test_the_guard_sees_a_pattern_that_came_from_outside(code: str) -> None:
    assert list(patterns_of_a_value(ast.parse(code)))


@pytest.mark.parametrize("code", ["body_mark is None", "kind == 'secret'", "hmac.compare_digest(body_mark, other)"])
def test_the_guard_lets_pass_what_tells_nothing(code: str) -> None:
    assert not list(plain_comparisons(ast.parse(code)))
