from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.errors import Forbidden, InvalidParameter, NotFound, Unauthorized, Unavailable, WrongMediaType
from chalicelib.model import names
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status, Type
from chalicelib.model.limits import EVERYTHING
from chalicelib.model.listing import Position, Wanted, cursor_to_text
from chalicelib.model.policy import compact, parse_policy
from chalicelib.model.token import Owner, Place
from chalicelib.web.requests import Query, allow, caller_of, cursor_text, identifier, json_body, name
from tests.chalicelib.examples import JANE, NOW, an_id
from tests.chalicelib.model.groups import GROUPS
from tests.chalicelib.model.test_caller import caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.policy import Policy

EXP = NOW // SECOND + 60
CONTEXT = {"principal": JANE, "groups": "consumer", "exp": str(EXP), "grants": compact(GROUPS["consumer"].statements)}
HER = caller(JANE, "consumer")


def nobody_reads(groups: Sequence[str]) -> list[Policy]:
    raise AssertionError(f"{groups} are read, though the context has their statements")


@dataclass
class Asked:
    """A request, as far as these functions look at one."""

    query_params: dict[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw_body: bytes = b"{}"


def query(known: str, **given: str) -> Query:
    return Query.of(Asked(given or None), *known.split())


def test_the_caller_is_who_the_authorizer_said() -> None:
    who = caller_of({"authorizer": CONTEXT}, NOW, nobody_reads)

    assert (who.principal, who.expires_at, who.statements) == (JANE, EXP, GROUPS["consumer"].statements)


def test_what_is_known_of_the_bearer_and_of_where_it_came_from_is_kept() -> None:
    more = {
        "issuer": "https://issuer.example/",
        "client": "spa",
        "token_id": "t-1",
        "known": "17",
        "groups": "consumer,a",
    }
    who = caller_of({"authorizer": {**CONTEXT, **more}, "identity": {"sourceIp": "192.0.2.7"}}, NOW, nobody_reads)

    assert (who.issuer, who.client, who.token_id) == ("https://issuer.example/", "spa", "t-1")
    assert (who.groups, who.known_at, who.address) == (("consumer", "a"), 17, "192.0.2.7")


def test_what_was_said_of_another_bearer_or_of_the_same_one_later_is_read_anew() -> None:
    first = caller_of({"authorizer": CONTEXT}, NOW, nobody_reads)

    for changed in ({"principal": "joe"}, {"exp": str(EXP + 1)}, {"known": "17"}, {"groups": "a"}):
        assert caller_of({"authorizer": {**CONTEXT, **changed}}, NOW, nobody_reads) != first
    assert caller_of({"authorizer": CONTEXT, "identity": {"sourceIp": "192.0.2.7"}}, NOW, nobody_reads) != first
    assert caller_of({"authorizer": dict(CONTEXT)}, NOW, nobody_reads) == first


def test_an_answer_that_is_not_dated_is_as_old_as_can_be() -> None:
    assert caller_of({"authorizer": CONTEXT}, NOW, nobody_reads).known_at == 0


def test_a_bearer_that_has_expired_since_is_refused_for_the_gateway_keeps_its_answer() -> None:
    ends = (EXP + 5) * SECOND

    assert caller_of({"authorizer": CONTEXT}, ends - 1, nobody_reads)
    with pytest.raises(Unauthorized):
        caller_of({"authorizer": CONTEXT}, ends, nobody_reads)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": None},
        {"authorizer": {}},
        {"authorizer": "text"},
        {"authorizer": []},
        *(
            {"authorizer": {key: value for key, value in CONTEXT.items() if key != left}}
            for left in ("principal", "exp")
        ),
        {"authorizer": {**CONTEXT, "exp": "soon"}},
        {"authorizer": {**CONTEXT, "exp": None}},
        {"authorizer": {**CONTEXT, "known": "soon"}},
        {"authorizer": {**CONTEXT, "grants": ""}},
        {"authorizer": {**CONTEXT, "grants": "null"}},
        {"authorizer": {**CONTEXT, "grants": "[1]"}},
        {"authorizer": {**CONTEXT, "grants": '[["?","GET","/x"]]'}},
        {"authorizer": {**CONTEXT, "grants": None}},
        {"authorizer": {**CONTEXT, "groups": ""}},
        {"authorizer": {**CONTEXT, "claims": "["}},
        {"authorizer": {**CONTEXT, "claims": "[1]"}},
        {"authorizer": {**CONTEXT, "claims": '{"a":1}'}},
    ],
)
def test_a_context_that_is_missing_or_mangled_is_unauthorized_never_an_error(context: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        caller_of(context, NOW, nobody_reads)


def test_statements_that_did_not_fit_the_context_are_read_and_the_callers_claims_written_in() -> None:
    own = {"effect": "Allow", "methods": ["GET"], "paths": ["/subjects/${claims.customer}/tokens"]}
    asked: list[Sequence[str]] = []

    def policies_of(groups: Sequence[str]) -> list[Policy]:
        asked.append(groups)
        return [parse_policy({"group": group, "statements": [own]}) for group in (*groups, "not-asked-for")]

    more = {"grants": "table", "groups": "a,b", "claims": '{"customer":"crm|7"}'}
    who = caller_of({"authorizer": {**CONTEXT, **more}}, NOW, policies_of)

    assert asked == [("a", "b")]
    assert [(one.group, one.paths) for one in who.statements] == [
        (group, ("/subjects/crm|7/tokens",)) for group in ("a", "b")
    ]
    assert who.claims == {"customer": "crm|7"}


def test_a_table_that_does_not_answer_is_no_refusal() -> None:
    def policies_of(groups: Sequence[str]) -> list[Policy]:
        raise Unavailable

    with pytest.raises(Unavailable):
        caller_of({"authorizer": {**CONTEXT, "grants": "table"}}, NOW, policies_of)


def test_a_bearer_that_has_expired_has_nothing_read_for_it() -> None:
    with pytest.raises(Unauthorized):
        caller_of({"authorizer": {**CONTEXT, "grants": "table"}}, (EXP + 5) * SECOND, nobody_reads)


def test_what_a_request_reaches_is_what_allows_it() -> None:
    read = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}
    shop = parse_policy({"group": "shop", "statements": [read], "limits": {"domains": ["shop"]}})
    who = replace(HER, statements=shop.statements)

    asking = allow(who, "GET", "/jobs/{job_id}", {"job_id": "j"})

    assert asking.reach.any_of == (shop.limits,)
    assert allow(HER, "GET", "/jobs/{job_id}", {"job_id": "j"}).reach == EVERYTHING
    for unplaced in ("/policies", "/audit"):
        free = replace(who, statements=(replace(shop.statements[0], paths=("/*",)),))
        with pytest.raises(Forbidden):
            allow(free, "GET", unplaced, {})


def test_a_route_is_allowed_on_what_its_path_means() -> None:
    allow(HER, "GET", "/subjects/{subject}/tokens/{provider}", {"subject": JANE, "provider": "google"})
    allow(HER, "GET", "/subjects/{subject}/tokens", {"subject": "auth0%7C5f7c8ec7c33c6c004bbafe82"})
    allow(HER, "POST", "/tickets", {})


@pytest.mark.parametrize(
    ("method", "route", "parameters", "error"),
    [
        ("GET", "/subjects/{subject}/tokens", {"subject": "john"}, Forbidden),
        ("POST", "/tokens", {}, Forbidden),
        ("DELETE", "/jobs/{job_id}", {"job_id": "x"}, Forbidden),
        ("GET", "/subjects/{subject}/tokens", {"subject": "a%2Fb"}, NotFound),
        ("GET", "/subjects/{subject}/tokens", {"subject": "%ff"}, NotFound),
        ("GET", "/subjects/{subject}/tokens", {"subject": "auth0%257C5f"}, NotFound),
        ("GET", "/subjects/{subject}/tokens", {"subject": ".."}, NotFound),
        ("GET", "", {}, Forbidden),
    ],
)
def test_a_route_is_refused_whatever_the_gateway_let_through(
    method: str, route: str, parameters: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        allow(HER, method, route, parameters)


def test_a_deny_cannot_be_dodged_by_a_spelling() -> None:
    hook = caller("hook", "producer")

    with pytest.raises(Forbidden):
        allow(hook, "GET", "/tokens/{token_id}/secret", {"token_id": an_id(1).replace("a", "%61")})


@pytest.mark.parametrize("stated", ["application/json", "Application/JSON; charset=utf-8", None, ""])
def test_a_body_that_says_it_is_json_or_nothing_is_taken(stated: str | None) -> None:
    headers = {} if stated is None else {"content-type": stated}

    assert json_body(Asked(headers=headers, raw_body=b"raw")) == b"raw"


@pytest.mark.parametrize("stated", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";"])
def test_another_media_type_is_refused(stated: str) -> None:
    with pytest.raises(WrongMediaType):
        json_body(Asked(headers={"content-type": stated}))


def test_an_id_is_26_characters_or_there_is_nothing() -> None:
    assert identifier(an_id(1)) == an_id(1)
    for text in ("", "a" * 25, "a" * 27, "A" * 26, "a" * 25 + "1", an_id(1) + "\n", "../../" + "a" * 20):
        with pytest.raises(NotFound):
            identifier(text)


def test_a_name_is_decoded_once() -> None:
    assert name("subject", "auth0%7C5f", names.subject_fault) == "auth0|5f"
    assert name("subject", "auth0|5f", names.subject_fault) == "auth0|5f"


@pytest.mark.parametrize(("text", "fault_of"), [("%2e%2e", names.subject_fault), ("Google", names.provider_fault)])
def test_a_name_that_cannot_be_one_is_refused_by_its_parameter(text: str, fault_of: Any) -> None:
    with pytest.raises(InvalidParameter) as refused:
        name("it", text, fault_of)

    assert refused.value.facts["field"] == "it"


def test_a_query_knows_its_parameters_and_their_defaults() -> None:
    assert query("min_ttl").min_ttl() == 0
    assert query("limit").limit() == 50
    assert query("cursor").cursor() is None
    assert query("environment domain").owner(JANE) == Owner(environment="default", domain="default", subject=JANE)


@pytest.mark.parametrize(
    ("what", "text", "value"),
    [
        ("min_ttl", "0", 0),
        ("min_ttl", "31536000", 31_536_000),
        ("min_ttl", "0060", 60),
        ("limit", "1", 1),
        ("limit", "50", 50),
    ],
)
def test_a_number_within_its_limits_is_taken(what: str, text: str, value: int) -> None:
    assert getattr(query(what, **{what: text}), what)() == value


@pytest.mark.parametrize(
    ("what", "text", "rule"),
    [
        ("min_ttl", "31536001", "a whole number from 0 to 31536000"),
        ("min_ttl", "-1", "a whole number from 0 to 31536000"),
        ("min_ttl", "", "a whole number from 0 to 31536000"),
        ("min_ttl", "1.5", "a whole number from 0 to 31536000"),
        ("min_ttl", "1e3", "a whole number from 0 to 31536000"),
        ("min_ttl", "٦٠", "a whole number from 0 to 31536000"),
        ("min_ttl", "60\n", "a whole number from 0 to 31536000"),
        ("limit", "0", "a whole number from 1 to 50"),
        ("limit", "51", "a whole number from 1 to 50"),
        ("limit", "9" * 5_000, "a whole number from 1 to 50"),
    ],
)
def test_another_number_is_refused_by_its_rule(what: str, text: str, rule: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        getattr(query(what, **{what: text}), what)()

    assert refused.value.facts == {"field": what, "rule": rule}


def test_an_unknown_parameter_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidParameter) as refused:
        query("min_ttl", mint_tll="60")

    assert refused.value.detail == "an unknown query parameter; this route knows: min_ttl"
    with pytest.raises(InvalidParameter, match="this route knows: none"):
        query("", MARKER="x")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"environment": "Production"}, "environment"),
        ({"domain": "a b"}, "domain"),
        ({"environment": ""}, "environment"),
    ],
)
def test_a_scope_that_cannot_be_one_is_refused(given: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        query("environment domain", **given).owner(JANE)

    assert refused.value.facts["field"] == field


def test_a_place_is_an_owner_and_a_provider() -> None:
    place = query("environment domain", environment="production", domain="shop").place("auth0%7C5f", "google")

    assert place == Place(environment="production", domain="shop", subject="auth0|5f", provider="google")
    with pytest.raises(InvalidParameter):
        query("environment domain").place("auth0|5f", "No Provider")


@given(st.from_regex(names.PROVIDER_PATTERN, fullmatch=True))
def test_a_cursor_is_given_and_taken_back(after: str) -> None:
    assert query("cursor", cursor=str(cursor_text(after))).cursor() == after


def test_no_cursor_ends_a_list() -> None:
    assert cursor_text(None) is None


@pytest.mark.parametrize("forged", ["", "x", "!!!!", "Z29vZ2xlIw", "R09PR0xF", "w7xi", "é", '"a"', "Z" * 5_000])
def test_a_cursor_that_we_did_not_give_is_refused(forged: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        query("cursor", cursor=forged).cursor()

    assert refused.value.facts == {"field": "cursor", "rule": "one that this service gave"}


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        after = query("cursor", cursor=text).cursor()
    except InvalidParameter:
        return
    assert names.provider_fault(str(after)) is None


def test_a_list_is_narrowed_to_what_is_given_and_a_paths_subject_is_decoded() -> None:
    narrowed = query("status type subject", status="FAILED", type="token.revoke", subject="auth0|5f").wanted()

    assert narrowed == Wanted(status=Status.FAILED, type=Type.REVOKE, subject="auth0|5f")
    assert query("status").wanted() == Wanted()
    assert query("status").wanted("auth0%7C5f") == Wanted(subject="auth0|5f")


@pytest.mark.parametrize(
    ("given", "field"),
    [({"status": "failed"}, "status"), ({"type": ""}, "type"), ({"subject": "a/b"}, "subject")],
)
def test_a_list_that_is_narrowed_to_nothing_that_exists_is_refused(given: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        query("status type subject", **given).wanted()

    assert refused.value.facts["field"] == field


@given(st.text(max_size=40))
def test_any_text_is_a_lists_cursor_or_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        query("cursor", cursor=text).position(Wanted())

    assert refused.value.facts == {"field": "cursor", "rule": "one that this service gave"}


def test_a_lists_cursor_is_the_row_that_it_was_given_for() -> None:
    row = Position(partition="token.store#07", at=NOW, id=an_id(7))

    assert query("cursor", cursor=str(cursor_to_text(row, Wanted()))).position(Wanted()) == row
    assert query("cursor").position(Wanted()) is None
