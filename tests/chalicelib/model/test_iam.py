from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model import names
from chalicelib.model.decision import allows
from chalicelib.model.iam import iam_statements, spellings
from chalicelib.model.policy import METHODS, Statement
from tests.chalicelib.model.groups import GROUPS as POLICIES
from tests.chalicelib.model.groups import one

BASE = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/api"
JANE = "waad|jane+shop@example.com"
GROUPS = {name: policy.statements for name, policy in POLICIES.items()}
SUBJECTS = st.from_regex(names.SUBJECT_PATTERN, fullmatch=True)
PRINCIPALS = st.text(max_size=200) | st.text(alphabet="*?${principal}/.%7Cjane|", max_size=40)
EVERYTHING_DENIED = [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}]


def gateway_allows(statements: list[dict[str, Any]], method: str, raw_path: str) -> bool:
    """Evaluate as IAM documents it: `*` any run, `?` one character, an explicit Deny wins."""

    def matches(pattern: str) -> bool:
        expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(expression, f"{BASE}/{method}{raw_path}", re.DOTALL) is not None

    effects = {s["Effect"] for s in statements if any(matches(resource) for resource in s["Resource"])}
    return effects == {"Allow"}


def test_a_consumer_of_one_name_gets_exactly_this() -> None:
    assert iam_statements(GROUPS["consumer"], "auth0|5f", BASE) == [
        {
            "Action": "execute-api:Invoke",
            "Effect": "Allow",
            "Resource": [
                f"{BASE}/GET/subjects/auth0|5f/*",
                f"{BASE}/GET/tokens/*",
                f"{BASE}/GET/jobs/*",
                f"{BASE}/GET/receipts/jwks.json",
                f"{BASE}/GET/subjects/auth0%7C5f/*",
                f"{BASE}/DELETE/tokens/*",
                f"{BASE}/POST/tickets",
                f"{BASE}/POST/jobs/*",
                f"{BASE}/POST/tokens/*/refresh",
                f"{BASE}/POST/tokens/*/rejected",
            ],
        }
    ]


@pytest.mark.parametrize(
    "spelling",
    ["waad|jane+shop@example.com", "waad%7Cjane+shop@example.com", "waad%7Cjane%2Bshop%40example.com"],
)
def test_a_subject_is_matched_in_each_spelling_that_clients_use(spelling: str) -> None:
    statements = iam_statements(GROUPS["consumer"], JANE, BASE)

    assert gateway_allows(statements, "GET", f"/subjects/{spelling}/tokens")


def test_a_name_without_special_characters_has_one_spelling() -> None:
    assert spellings("jane-doe_1.x~y") == ("jane-doe_1.x~y",)


@given(SUBJECTS)
def test_every_spelling_is_the_same_subject(subject: str) -> None:
    assert {unquote(spelling) for spelling in spellings(subject)} == {subject}
    assert not set("".join(spellings(subject))) & set("*?$/")


def test_an_explicit_deny_is_written_beside_the_allows() -> None:
    statements = iam_statements((*GROUPS["producer"], *GROUPS["admin"]), "hook@clients", BASE)

    assert statements[1] == {
        "Action": "execute-api:Invoke",
        "Effect": "Deny",
        "Resource": [f"{BASE}/{method}/{family}/*/secret" for family in ("tokens", "subjects") for method in METHODS],
    }
    assert not gateway_allows(statements, "GET", "/tokens/t1/secret")
    assert gateway_allows(statements, "GET", "/tokens/t1")


def test_any_method_on_a_path_is_no_other_path() -> None:
    """To IAM a `*` before `/tokens` is `GET/subjects/jane`, too."""
    statements = [one("Allow", ["GET"], "/subjects/*"), one("Deny", ["*"], "/tokens")]

    assert gateway_allows(iam_statements(statements, JANE, BASE), "GET", "/subjects/jane/tokens")
    assert not gateway_allows(iam_statements([one("Allow", ["*"], "/tokens")], JANE, BASE), "GET", "/subjects/j/tokens")


@pytest.mark.parametrize("principal", ["*", "?", "${aws:username}", "a/b", "", "jané", "x" * 129])
def test_a_caller_with_nothing_allowed_is_denied_everything(principal: str) -> None:
    own = [Statement(effect="Allow", methods=("GET",), paths=("/subjects/${principal}/*",))]

    assert iam_statements(own, principal, BASE) == EVERYTHING_DENIED
    assert iam_statements([], principal, BASE) == EVERYTHING_DENIED


def test_the_default_groups_fit_the_longest_and_most_awkward_subject() -> None:
    subject = "|" * 128

    for statements in GROUPS.values():
        resources = [r for s in iam_statements(statements, subject, BASE) for r in s["Resource"]]
        assert max(map(len, resources)) <= 512
    assert gateway_allows(
        iam_statements(GROUPS["consumer"], subject, BASE),
        "GET",
        f"/subjects/{quote(subject, safe='')}/tokens",
    )


def test_an_allow_that_is_too_long_is_left_out_and_a_deny_is_cut_open() -> None:
    subject = "|" * 128
    path = "/subjects/${principal}/" + "x" * 90 + "/end"
    allow = Statement(effect="Allow", methods=("GET",), paths=(path, "/*"))
    deny = Statement(effect="Deny", methods=("GET",), paths=(path,))

    allowed, denied = iam_statements([allow, deny], subject, BASE)

    assert all(len(resource) <= 512 for resource in [*allowed["Resource"], *denied["Resource"]])
    assert len(allowed["Resource"]) == 2
    assert denied["Resource"][1].endswith("x*")
    assert not gateway_allows([allowed, denied], "GET", path.replace("${principal}", quote(subject, safe="")))


@given(principal=PRINCIPALS, subject=SUBJECTS)
def test_no_principal_reaches_another_subject_through_the_gateway(principal: str, subject: str) -> None:
    statements = iam_statements(GROUPS["consumer"], principal, BASE)

    for spelling in spellings(subject):
        reached = gateway_allows(statements, "GET", f"/subjects/{spelling}/tokens")
        assert reached == (principal == subject)


@given(principal=SUBJECTS, method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]), data=st.data())
def test_the_gateway_and_the_service_decide_alike(principal: str, method: str, data: st.DataObject) -> None:
    group = data.draw(st.sampled_from(["producer", "consumer", "admin"]))
    paths = [
        "/tokens",
        "/tokens/t1",
        "/tokens/t1/secret",
        f"/subjects/{principal}/tokens",
        "/jobs/j",
        "/tickets",
    ]
    path = data.draw(st.sampled_from(paths))

    written = gateway_allows(iam_statements(GROUPS[group], principal, BASE), method, path)

    assert written == allows(GROUPS[group], principal, method, path)
