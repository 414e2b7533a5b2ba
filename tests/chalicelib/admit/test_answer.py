from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.admit.answer import ANSWER_BYTES, SignInAgain, answer
from chalicelib.admit.metering import Meter
from chalicelib.errors import AccessUnknown
from chalicelib.model.access import Access, Epoch, Kind, Revocation, id_of
from chalicelib.model.clock import SECOND
from chalicelib.model.policy import Policy, Statement, from_compact, parse_policy
from tests.chalicelib.admit.issuer import (
    ISSUER,
    NOW,
    Log,
    claims,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.admit.bearer import Verifier

BASE = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/api"
ARN = f"{BASE}/GET/tokens/t1"
DENIED = {
    "principalId": "anonymous",
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
    "context": {},
}
POLICIES = {
    raw["group"]: parse_policy(raw)
    for raw in json.loads((Path(__file__).parents[3] / "infrastructure/groups.json").read_text(encoding="utf-8"))
}


def policies_of(groups: Sequence[str]) -> list[Policy]:
    return [POLICIES[group] for group in groups if group in POLICIES]


def nobody() -> Access:
    """Tell that nobody was revoked, in the policies' third epoch."""
    return Access(known_at=NOW * SECOND, epoch=Epoch(rev=5, policies=3))


@pytest.fixture
def log() -> Log:
    return Log()


def bearer(**changes: object) -> str:
    return f"Bearer {sign(claims(**changes))}"


def test_a_consumer_is_told_everything_that_it_may_do(verifier: Verifier, log: Log) -> None:
    result = answer(bearer(), ARN, verifier, policies_of, access=nobody, log=log)

    subject = "auth0|5f7c8ec7c33c6c004bbafe82"
    assert result["principalId"] == subject
    assert result["policyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow",
                "Resource": [
                    f"{BASE}/GET/subjects/{subject}/*",
                    f"{BASE}/GET/tokens/*",
                    f"{BASE}/GET/jobs/*",
                    f"{BASE}/GET/receipts/jwks.json",
                    f"{BASE}/GET/subjects/auth0%7C5f7c8ec7c33c6c004bbafe82/*",
                    f"{BASE}/DELETE/tokens/*",
                    f"{BASE}/POST/tickets",
                    f"{BASE}/POST/jobs/*",
                    f"{BASE}/POST/tokens/*/refresh",
                    f"{BASE}/POST/tokens/*/rejected",
                ],
            }
        ],
    }
    assert result["context"] == {
        "principal": subject,
        "issuer": ISSUER,
        "client": "",
        "token_id": "token-1",
        "groups": "consumer",
        "exp": str(NOW + 600),
        "grants": '[[],["+","GET",[0,0],"/subjects/${principal}/*","/tokens/*","/jobs/*","/receipts/jwks.json"],'
        '["+","DELETE",[0,1],"/tokens/*"],["+","POST",[0,2],"/tickets","/jobs/*","/tokens/*/refresh","/tokens/*/rejected"]]',
        "iat": str(NOW - 10),
        "epoch": "3",
        "known": str(NOW * SECOND),
        "other_groups": "",
    }
    about = {"principal": subject, "token_id": "token-1", "groups": "consumer", "form": "exact"}
    assert log.facts == [{"outcome": "admitted", **about}]


def test_the_answer_is_the_same_for_every_request_of_a_token(verifier: Verifier, log: Log) -> None:
    header = bearer(groups=["consumer", "producer"])

    answers = [
        answer(header, f"{BASE}/{request}", verifier, policies_of, access=nobody, log=log)
        for request in ("GET/tokens/t1", "POST/tokens", "DELETE/tokens/t1", "GET/subjects/a/b", "GET/", "GET")
    ]

    assert all(item == answers[0] for item in answers)
    assert answers[0]["context"]["groups"] == "consumer,producer"


def test_what_the_context_carries_is_read_back_by_the_service(verifier: Verifier, log: Log) -> None:
    result = answer(bearer(groups="producer"), ARN, verifier, policies_of, access=nobody, log=log)

    assert from_compact(result["context"]["grants"], ["producer"]) == POLICIES["producer"].statements
    assert all(isinstance(value, str) for value in result["context"].values())


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "no_bearer"),
        ("Basic YTpi", "no_bearer"),
        ("Bearer x.y.z", "malformed"),
        (lambda: bearer(iss="https://attacker.example/"), "issuer"),
        (lambda: bearer(sub=7), "claims"),
        (lambda: bearer(groups=[]), "no_policy"),
        (lambda: bearer(groups=...), "no_policy"),
        (lambda: bearer(groups=["nobody", "/realm/admin"]), "no_policy"),
    ],
)
def test_a_refusal_is_an_explicit_deny_of_everything_without_a_reason(
    verifier: Verifier, log: Log, header: Any, code: str
) -> None:
    result = answer(header() if callable(header) else header, ARN, verifier, policies_of, access=nobody, log=log)

    assert result == DENIED
    assert [(fact["outcome"], fact["code"]) for fact in log.facts] == [("denied", code)]


def test_a_caller_whose_policies_allow_nothing_to_it_is_denied_everything(verifier: Verifier, log: Log) -> None:
    own = Statement(effect="Allow", methods=("GET",), paths=("/subjects/${principal}/*",))

    result = answer(
        bearer(sub="*"), ARN, verifier, lambda _: [Policy(group="consumer", statements=(own,))], access=nobody, log=log
    )

    assert result["policyDocument"] == DENIED["policyDocument"]


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "*",
        "arn:aws:execute-api:*:*:*/*/*/*",
        "arn:aws:lambda:eu-central-1:123456789012:abc/api/GET/x",
        "arn:aws:execute-api:eu-central-1:123456789012:abc",
        f"{BASE}*/GET/x",
        None,
        7,
    ],
)
def test_an_arn_that_could_widen_the_answer_is_refused(verifier: Verifier, log: Log, arn: Any) -> None:
    assert answer(bearer(groups=["admin"]), arn, verifier, policies_of, access=nobody, log=log) == DENIED


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws-cn:execute-api:cn-north-1:123456789012:a1/prod_1/POST/tokens",
        "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1/$default/GET/",
    ],
)
def test_other_partitions_are_known_and_a_stage_is_a_plain_name(verifier: Verifier, log: Log, arn: str) -> None:
    result = answer(bearer(groups=["admin"]), arn, verifier, policies_of, access=nobody, log=log)

    assert (result["principalId"] != "anonymous") == ("$" not in arn)


def test_a_port_that_breaks_is_a_deny_and_its_text_is_not_logged(verifier: Verifier, log: Log) -> None:
    def broken(groups: Sequence[str]) -> list[Policy]:
        raise ConnectionError(f"cannot look up {groups}, marked-secret")

    result = answer(bearer(), ARN, verifier, broken, access=nobody, log=log)

    assert result == DENIED
    assert log.facts == [{"outcome": "denied", "code": "error", "error": "ConnectionError"}]


def test_a_log_that_breaks_is_a_deny_too(verifier: Verifier, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(outcome: str, **fields: object) -> None:
        raise OSError(outcome, fields)

    assert answer(bearer(), ARN, verifier, policies_of, access=nobody, log=broken) == DENIED
    assert answer(None, ARN, verifier, policies_of, access=nobody, log=broken) == DENIED
    line = '{"outcome": "denied", "code": "error", "error": "OSError"}\n'
    assert capsys.readouterr().err == line * 2


@pytest.mark.parametrize("given", [None, 7, [None], [{"group": "consumer"}]])
def test_a_port_that_answers_nonsense_is_a_deny(verifier: Verifier, log: Log, given: Any) -> None:
    assert answer(bearer(), ARN, verifier, lambda _: given, access=nobody, log=log) == DENIED


def test_a_policy_of_a_group_that_the_caller_is_not_in_does_not_count(verifier: Verifier, log: Log) -> None:
    result = answer(bearer(), ARN, verifier, lambda _: [POLICIES["admin"]], access=nobody, log=log)

    assert result == DENIED


def many(count: int, paths: int, *, effect: str = "Allow") -> list[Policy]:
    """Return the policies of `count` groups, none of whose paths another covers."""
    return [
        parse_policy(
            {
                "group": f"group-{number}",
                "statements": [
                    {
                        "effect": "Allow",
                        "methods": ["GET"],
                        "paths": [f"/tokens/{number}/{'x' * 60}/{path}" for path in range(paths)],
                    },
                    {"effect": effect, "methods": ["DELETE"], "paths": [f"/subjects/{number}/tokens/*"]},
                ],
            }
        )
        for number in range(count)
    ]


def answered(verifier: Verifier, log: Log, policies: list[Policy], **changes: object) -> dict[str, Any]:
    header = bearer(groups=[policy.group for policy in policies], **changes)
    result = answer(header, ARN, verifier, lambda _: policies, access=nobody, log=log)
    assert len(json.dumps(result)) <= ANSWER_BYTES
    return result


def test_what_two_groups_say_is_said_once_where_it_would_not_fit_twice(verifier: Verifier, log: Log) -> None:
    one = many(1, 10)[0].statements[0]
    policies = [Policy(group=f"g{n}", statements=(replace(one, paths=one.paths[n:], group=f"g{n}"),)) for n in range(5)]

    result = answered(verifier, log, policies)

    assert log.facts[-1]["form"] == "reduced"
    assert from_compact(result["context"]["grants"], [f"g{n}" for n in range(5)]) == policies[0].statements


def test_statements_that_do_not_fit_are_left_for_the_service_to_read(verifier: Verifier, log: Log) -> None:
    result = answered(verifier, log, many(2, 14))

    assert result["context"]["grants"] == "table"
    assert log.facts[-1]["form"] == "table"
    assert f"{BASE}/GET/tokens/1/{'x' * 60}/13" in result["policyDocument"]["Statement"][0]["Resource"]


def test_a_policy_that_does_not_fit_speaks_of_families_and_keeps_its_denies(verifier: Verifier, log: Log) -> None:
    result = answered(verifier, log, many(30, 32, effect="Deny"))

    allowed, denied = result["policyDocument"]["Statement"]
    assert allowed["Resource"] == [f"{BASE}/GET/tokens*"]
    assert denied["Resource"] == [f"{BASE}/DELETE/subjects/{number}/tokens/*" for number in range(30)]
    assert (result["context"]["grants"], log.facts[-1]["form"]) == ("table", "coarse")


def test_200_groups_fit_unless_their_names_alone_do_not(verifier: Verifier, log: Log) -> None:
    policies = many(200, 32, effect="Deny")

    answered(verifier, log, policies)
    assert log.facts[-1]["form"] == "coarse"
    renamed = [replace(policy, group=f"{policy.group}-{'x' * 50}") for policy in policies]
    header = bearer(groups=[])

    anybody = Anybody(verifier, [policy.group for policy in renamed])

    lengthy = answer(header, ARN, anybody, lambda _: renamed, access=nobody, log=log)

    assert lengthy == DENIED
    assert log.facts[-1]["code"] == "too_large"


@dataclass
class Anybody:
    """A verifier whose callers are in groups that no token of 8 KB could name."""

    verifier: Verifier
    groups: list[str]

    def verify(self, header: str | None) -> Any:
        return replace(self.verifier.verify(header), groups=tuple(self.groups))


def test_claims_are_written_in_and_those_that_are_named_are_told(verifier: Verifier, log: Log) -> None:
    own = parse_policy(
        {
            "group": "consumer",
            "statements": [
                {"effect": "Allow", "methods": ["GET"], "paths": ["/subjects/${claims.customer}/*"]},
                {"effect": "Deny", "methods": ["GET"], "paths": ["/subjects/${claims.missing}/jobs"]},
            ],
            "limits": {"domains": ["${claims.shop}"]},
        }
    )

    result = answered(verifier, log, [own], customer="crm|7", shop="shoes", other="x")

    allowed, denied = result["policyDocument"]["Statement"]
    assert allowed["Resource"] == [f"{BASE}/GET/subjects/crm|7/*", f"{BASE}/GET/subjects/crm%7C7/*"]
    assert denied["Resource"] == [f"{BASE}/GET/subjects/*/jobs"]
    assert json.loads(result["context"]["claims"]) == {"customer": "crm|7", "shop": "shoes"}
    assert json.loads(result["context"]["grants"])[0] == [{"domains": ["shoes"]}]


def test_the_longest_subject_in_every_default_group_fits(verifier: Verifier, log: Log) -> None:
    header = bearer(sub="|" * 128, groups=["producer", "consumer", "admin"])

    result = answer(header, ARN, verifier, policies_of, access=nobody, log=log)

    assert result["context"]["groups"] == "producer,consumer,admin"
    assert len(json.dumps(result)) < ANSWER_BYTES / 2


def test_the_token_is_in_no_log_and_in_no_answer(verifier: Verifier, log: Log) -> None:
    for header in (bearer(), bearer(iss="https://evil.example"), bearer(groups=[])):
        result = answer(header, ARN, verifier, policies_of, access=nobody, log=log)
        written = json.dumps([result, log.facts])
        assert not any(part in written for part in header.removeprefix("Bearer ").split("."))


def revoking(*named: tuple[Kind, str]) -> Access:
    ends = [Revocation(id=id_of(kind, name), kind=kind, name=name, by="root", at=0) for kind, name in named]
    return Access(known_at=NOW * SECOND, revoked={end.id: end for end in ends})


@pytest.mark.parametrize("end", [(Kind.PRINCIPAL, "auth0|5f7c8ec7c33c6c004bbafe82"), (Kind.BEARER, "token-1")])
def test_who_was_revoked_is_denied_like_anybody_and_the_log_says_why(
    verifier: Verifier, log: Log, end: tuple[Kind, str]
) -> None:
    result = answer(bearer(), ARN, verifier, policies_of, access=lambda: revoking(end), log=log)

    assert result == DENIED
    assert [(fact["outcome"], fact["code"]) for fact in log.facts] == [("denied", "revoked")]
    other = bearer(sub="auth0|another", jti="token-2")
    assert answer(other, ARN, verifier, policies_of, access=lambda: revoking(end), log=log) != DENIED


def test_where_nobody_knows_who_was_revoked_everybody_is_denied(verifier: Verifier, log: Log) -> None:
    def unknown() -> Access:
        raise AccessUnknown

    assert answer(bearer(), ARN, verifier, policies_of, access=unknown, log=log) == DENIED
    assert log.facts == [{"outcome": "denied", "code": "access_unknown", "error": "AccessUnknown"}]


def test_what_is_known_is_asked_for_before_the_policies_are_read(verifier: Verifier, log: Log) -> None:
    order: list[str] = []

    def known() -> Access:
        order.append("access")
        return nobody()

    def read(groups: Sequence[str]) -> list[Policy]:
        order.append("policies")
        return policies_of(groups)

    answer(bearer(), ARN, verifier, read, access=known, log=log)

    assert order == ["access", "policies"]


SIXTEEN = [f"{number:02d}" + "x" * 61 for number in range(16)]


@pytest.mark.parametrize(
    ("others", "told"),
    [(["b", "a"], "b,a"), (SIXTEEN, ",".join(SIXTEEN)), ([*SIXTEEN, "one-more"], "*")],
    ids=["two", "as many as fit", "too many"],
)
def test_groups_without_a_policy_are_told_for_they_may_be_given_one(
    verifier: Verifier, log: Log, others: list[str], told: str
) -> None:
    result = answer(bearer(groups=["consumer", *others]), ARN, verifier, policies_of, access=nobody, log=log)

    assert (result["context"]["groups"], result["context"]["other_groups"]) == ("consumer", told)


def test_a_bearer_without_a_moment_of_issue_says_none(verifier: Verifier, log: Log) -> None:
    result = answer(bearer(iat=...), ARN, verifier, policies_of, access=nobody, log=log)

    assert result["context"]["iat"] == ""


METER = Meter(prefix="k", clients=("hook",))


@pytest.mark.parametrize(
    ("changes", "key"), [({"azp": "hook"}, "k01"), ({"client_id": "hook"}, "k01"), ({"azp": "x"}, "k00"), ({}, "k00")]
)
def test_the_answer_names_the_key_by_which_the_client_is_counted(
    verifier: Verifier, log: Log, changes: dict[str, str], key: str
) -> None:
    result = answer(bearer(**changes), ARN, verifier, policies_of, access=nobody, meter=METER, log=log)

    assert result["usageIdentifierKey"] == key
    assert result["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_who_is_refused_counts_among_all_others(verifier: Verifier, log: Log) -> None:
    refused = answer("Bearer a.b.c", ARN, verifier, policies_of, access=nobody, meter=METER, log=log)

    assert refused == {**DENIED, "usageIdentifierKey": "k00"}


def test_where_there_are_no_usage_plans_no_key_is_named(verifier: Verifier, log: Log) -> None:
    assert "usageIdentifierKey" not in answer(bearer(), ARN, verifier, policies_of, access=nobody, log=log)


def test_a_bearer_that_has_expired_is_told_to_sign_in_again_and_the_log_why(verifier: Verifier, log: Log) -> None:
    with pytest.raises(SignInAgain, match=r"^Unauthorized$"):
        answer(bearer(exp=NOW - 60), ARN, verifier, policies_of, access=nobody, meter=METER, log=log)

    assert log.facts == [{"outcome": "denied", "code": "expired"}]


@pytest.mark.parametrize("changes", [{"iss": "https://evil.example"}, {"aud": "another"}])
def test_an_expired_bearer_of_another_issuer_or_for_another_audience_is_refused_like_any(
    verifier: Verifier, log: Log, changes: dict[str, str]
) -> None:
    assert answer(bearer(exp=NOW - 60, **changes), ARN, verifier, policies_of, access=nobody, log=log) == DENIED


def test_an_expired_bearer_that_was_tampered_with_is_refused_like_any(verifier: Verifier, log: Log) -> None:
    header, payload, signature = sign(claims(exp=NOW - 60)).split(".")

    assert (
        answer(f"Bearer {header}.{payload}.{signature[::-1]}", ARN, verifier, policies_of, access=nobody, log=log)
        == DENIED
    )
