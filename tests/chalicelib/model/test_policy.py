from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model import names
from chalicelib.model.decision import allows
from tests.chalicelib.model.groups import GROUPS, one

if TYPE_CHECKING:
    from chalicelib.model.policy import Statement

PRODUCER, CONSUMER, ADMIN = (GROUPS[name].statements for name in ("producer", "consumer", "admin"))
JANE = "auth0|5f7c8ec7c33c6c004bbafe82"

SUBJECTS = st.from_regex(names.SUBJECT_PATTERN, fullmatch=True)
# Arbitrary text, and text that is nearly a pattern: what somebody would try as a name.
PRINCIPALS = st.text(max_size=200) | st.text(alphabet="*?${principal}/.%7Cjane|", max_size=40)


def test_nothing_is_allowed_by_default() -> None:
    assert not allows([], JANE, "GET", "/tokens/t1")
    assert not allows([one("Deny", ["*"], "/x")], JANE, "GET", "/tokens/t1")


def test_an_explicit_deny_wins_wherever_it_stands() -> None:
    allow, deny = one("Allow", ["*"], "/*"), one("Deny", ["GET"], "/tokens/*/secret")

    for statements in ([allow, deny], [deny, allow]):
        assert not allows(statements, JANE, "GET", "/tokens/t1/secret")
        assert allows(statements, JANE, "GET", "/tokens/t1")
        assert allows(statements, JANE, "DELETE", "/tokens/t1/secret")


def test_methods_and_paths_compare_exactly() -> None:
    statements = [one("Allow", ["GET"], "/tokens/*")]

    assert allows(statements, JANE, "GET", "/tokens/t1")
    assert not allows(statements, JANE, "get", "/tokens/t1")
    assert not allows(statements, JANE, "HEAD", "/tokens/t1")
    assert not allows(statements, JANE, "GET", "/Tokens/t1")
    assert not allows(statements, JANE, "GET", "/tokens")
    assert not allows(statements, JANE, "GET", "/tokensX/t1")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/*", "/a/b/c", True),
        ("/a/*/c", "/a/b/c", True),
        ("/a/*/c", "/a/b/b/c", True),
        ("/a/*/c", "/a/c", False),
        ("/a/*/c", "/a/b/cc", False),
        ("/a*a", "/aa", True),
        ("/a*a", "/a", False),
        ("/*ab*ab", "/abab", True),
        ("/*ab*ab", "/ab", False),
        ("/a*b*c", "/axxc", False),
        ("/a.c", "/abc", False),
        ("/a+", "/aa", False),
        ("/a|/b", "/b", False),
    ],
)
def test_a_star_is_any_run_of_characters_and_all_else_is_itself(
    pattern: str,
    path: str,
    matches: bool,  # noqa: FBT001
) -> None:
    assert allows([one("Allow", ["GET"], pattern)], JANE, "GET", path) is matches


def test_a_pattern_of_many_stars_is_decided_in_linear_time() -> None:
    statements = [one("Allow", ["GET"], "/" + "*a" * 60 + "b")]
    begun = time.perf_counter()

    assert not allows(statements, JANE, "GET", "/" + "a" * 128)

    assert time.perf_counter() - begun < 0.05


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "tokens/t1",
        "//tokens",
        "/tokens/",
        "/tokens//secret",
        "/tokens/.",
        f"/subjects/{JANE}/../other/tokens",
        f"/subjects/{JANE}/tokens%2F..",
        f"/subjects/{JANE}/*",
        "/tokens/t1?x=1",
        "/tokens/t1\n",
        "/tokens/é",
        "/tokens/" + "x" * 129,
    ],
)
def test_a_path_that_names_nothing_of_ours_is_denied_even_to_administrators(path: str) -> None:
    assert not allows(ADMIN, JANE, "GET", path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/subjects/{JANE}/tokens"),
        ("GET", f"/subjects/{JANE}/tokens/hybris"),
        ("GET", f"/subjects/{JANE}/tokens/hybris/secret"),
        ("GET", "/tokens/t1"),
        ("GET", "/tokens/t1/secret"),
        ("DELETE", "/tokens/t1"),
        ("GET", "/jobs/t1"),
        ("POST", "/tickets"),
        ("POST", "/jobs/t1/cancel"),
        ("POST", "/jobs/t1/retry"),
    ],
)
def test_a_consumer_may_read_what_is_its_own(method: str, path: str) -> None:
    assert allows(CONSUMER, JANE, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tokens"),
        ("GET", "/subjects/auth0|other/tokens"),
        ("GET", f"/subjects/{JANE}"),
        ("GET", f"/subjects/{JANE}x/tokens"),
        ("DELETE", f"/subjects/{JANE}/tokens"),
        ("POST", "/jobs"),
        ("DELETE", "/jobs/t1"),
        ("PUT", "/policies/consumer"),
        ("GET", "/policies/consumer"),
    ],
)
def test_a_consumer_may_do_nothing_else(method: str, path: str) -> None:
    assert not allows(CONSUMER, JANE, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/tokens"), ("GET", "/tokens/t1"), ("GET", "/jobs/t1"), ("POST", "/tickets")],
)
def test_a_producer_hands_in_and_watches(method: str, path: str) -> None:
    assert allows(PRODUCER, "hook@clients", method, path)


SECRETS = [
    "/tokens/t1/secret",
    "/subjects/hook@clients/tokens/hybris/secret",
    f"/subjects/{JANE}/tokens/x/secret",
]


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("others", [(), CONSUMER, ADMIN, (*ADMIN, *CONSUMER)])
def test_a_producer_reads_no_secret_whatever_else_it_is(path: str, others: tuple[Statement, ...]) -> None:
    for statements in ((*PRODUCER, *others), (*others, *PRODUCER)):
        assert not allows(statements, "hook@clients", "GET", path)


@pytest.mark.parametrize("path", [*SECRETS, "/policies/admin", "/tokens"])
def test_an_administrator_may_do_everything(path: str) -> None:
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        assert allows(ADMIN, "root@clients", method, path)


def test_groups_merge() -> None:
    statements = [*CONSUMER, one("Allow", ["POST"], "/tokens")]

    assert allows(statements, JANE, "POST", "/tokens")
    assert allows(statements, JANE, "GET", f"/subjects/{JANE}/tokens")


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        "?",
        "${principal}",
        "$",
        "/",
        "auth0|*",
        "auth0%7C5f",
        "a/../b",
        "..",
        ".",
        "",
        "jane\n",
        "jané",
        "x" * 129,
    ],
)
def test_a_principal_that_is_no_subject_owns_nothing(principal: str) -> None:
    for subject in (JANE, "auth0|5f", "b", "jane", "x" * 128):
        assert not allows(CONSUMER, principal, "GET", f"/subjects/{subject}/tokens")
    assert allows(CONSUMER, principal, "GET", "/tokens/t1")


@given(
    principal=PRINCIPALS,
    subject=SUBJECTS,
    rest=st.sampled_from(["tokens", "tokens/hybris", "tokens/hybris/secret"]),
)
def test_no_principal_reaches_another_subject(principal: str, subject: str, rest: str) -> None:
    reached = allows(CONSUMER, principal, "GET", f"/subjects/{subject}/{rest}")

    assert reached == (principal == subject)


@given(principal=SUBJECTS, path=st.text(max_size=60))
def test_whatever_the_path_a_consumer_stays_below_its_own_subject(principal: str, path: str) -> None:
    for tried in (path, f"/subjects/{path}", f"/subjects/{principal}/{path}", f"/subjects/{principal}{path}"):
        if allows([one("Allow", ["*"], "/subjects/${principal}/*")], principal, "GET", tried):
            assert tried.split("/")[:3] == ["", "subjects", principal]
            assert ".." not in tried.split("/")
