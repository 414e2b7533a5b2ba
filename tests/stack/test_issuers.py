"""Three issuers at one deployed stack: the local one, a Cognito user pool, a certified OpenID provider."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import jwt
import pytest

from devtool.between import environment_of
from tests.oauth.certified import CertifiedProvider, certified_provider
from tests.stack.http import Api, at, unique
from tests.stack.pool import Pool, make_pool, user_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud

JOB = "/jobs/" + "a" * 26


@dataclass(frozen=True, kw_only=True)
class Three:
    pool: Pool
    certified: CertifiedProvider


def settings(pool: Pool, certified: CertifiedProvider) -> list[dict[str, object]]:
    return [
        {
            "issuer": pool.issuer,
            "discovery_url": pool.discovery_url,
            "audience": pool.client_id,
            "audience_claim": "client_id",
            "required": {"token_use": "access"},
            "groups_claim": "cognito:groups",
            "groups": {"shop-operators": "admin", "customers": "consumer"},
            "principal_prefix": "cognito:",
        },
        {
            "issuer": certified.issuer,
            "audience": "cloakroom",
            "discovery_url": f"{certified.issuer}/.well-known/openid-configuration",
            "required": {"client_id": certified.client_id},
            "groups": ["consumer"],
            "principal_prefix": "oidc:",
        },
    ]


@pytest.fixture(scope="module")
def three(cloud: LiveCloud) -> Iterator[Three]:
    with user_pools() as endpoint, certified_provider() as certified:
        pool = make_pool(endpoint, "shop-operators", "customers", "admin")
        with environment_of(cloud, "authorize", {"ISSUERS": json.dumps(settings(pool, certified))}):
            yield Three(pool=pool, certified=certified)


def last_refusal(cloud: LiveCloud) -> str:
    """Return the code of the newest denial in the authorizer's log."""
    lines = [json.loads(line) for line in cloud.logs("authorize").splitlines() if '"event":"denied"' in line]
    return str(lines[-1]["code"])


def may(api: Api, cloud: LiveCloud, bearer: str) -> str:
    """Return `yes`, or the code of the refusal."""
    status = api.get(JOB, bearer).status
    assert status in (403, 404)
    return "yes" if status == 404 else last_refusal(cloud)


def test_a_token_of_each_issuer_is_admitted_by_its_own_rules(api: Api, cloud: LiveCloud, three: Three) -> None:
    pool_user = three.pool.signed_in("shop-operators")

    assert api.get(JOB, cloud.token(unique("local"), ["admin"])).status == 404
    assert api.get(JOB, pool_user["access"]).status == 404
    assert api.get(JOB, three.certified.bearer("jane", "cloakroom", "consumer")).status == 404


def test_a_cognito_id_token_is_refused_for_its_use(api: Api, cloud: LiveCloud, three: Three) -> None:
    user = three.pool.signed_in("shop-operators")

    assert may(api, cloud, user["id"]) == "required_claim"
    assert may(api, cloud, user["access"]) == "yes"


def test_a_cognito_token_of_another_client_or_pool_is_refused(api: Api, cloud: LiveCloud, three: Three) -> None:
    other_client = three.pool.signed_in("shop-operators", client_id=three.pool.another_client())
    other_pool = make_pool(three.pool.endpoint, "shop-operators").signed_in("shop-operators")

    assert may(api, cloud, other_client["access"]) == "audience"
    assert may(api, cloud, other_pool["access"]) == "issuer"


def test_a_principal_carries_its_issuers_prefix_and_owns_what_is_its_own(
    api: Api, cloud: LiveCloud, three: Three
) -> None:
    user = three.pool.signed_in("customers")
    mine, bare = f"cognito:{user['sub']}", user["sub"]
    api.hand_in(mine)
    api.hand_in(bare)
    assert cloud.settle()

    assert api.get(at(mine, "google", "secret"), user["access"]).status == 200
    assert api.get(at(bare, "google", "secret"), user["access"]).status == 403
    assert api.get(at(bare, "google", "secret"), cloud.token(bare, ["consumer"])).status == 200
    assert api.get(at(mine, "google", "secret"), cloud.token(bare, ["consumer"])).status == 403


def test_one_issuers_tokens_never_name_a_person_of_another(api: Api, cloud: LiveCloud, three: Three) -> None:
    theirs = f"oidc:{unique('jane')}"
    api.hand_in(theirs)
    assert cloud.settle()

    answer = api.get(at(theirs, "google", "secret"), cloud.token(theirs, ["consumer"]))

    assert answer.status == 403
    assert last_refusal(cloud) == "principal"
    account = theirs.removeprefix("oidc:")
    own = three.certified.bearer(account, "cloakroom", "consumer")
    assert api.get(at(theirs, "google", "secret"), own).status == 200


def test_groups_count_as_the_operator_said_and_no_issuers_admin_is_ours_by_chance(
    api: Api, cloud: LiveCloud, three: Three
) -> None:
    by_pool = three.pool.signed_in("admin")
    by_certified = three.certified.bearer("root", "cloakroom", "admin", "shop-operators")

    assert may(api, cloud, by_pool["access"]) == "no_policy"
    assert may(api, cloud, by_certified) == "no_policy"


def test_a_certified_providers_token_for_another_audience_is_refused(api: Api, cloud: LiveCloud, three: Three) -> None:
    assert may(api, cloud, three.certified.bearer("jane", "https://another.example", "consumer")) == "audience"


def test_a_key_signs_for_its_own_issuer_alone_whatever_the_token_says(api: Api, cloud: LiveCloud, three: Three) -> None:
    now = int(time.time())
    claims = {"sub": "jane", "iat": now, "exp": now + 600, "aud": "cloakroom", "groups": ["consumer"]}
    claims |= {"client_id": three.certified.client_id, "token_use": "access", "cognito:groups": ["shop-operators"]}
    theirs = jwt.get_unverified_header(three.certified.bearer("jane", "cloakroom"))["kid"]
    pools = jwt.get_unverified_header(three.pool.signed_in()["access"])["kid"]
    forged = {
        "certified": cloud.signer.sign({**claims, "iss": three.certified.issuer}, kid=theirs),
        "pool": cloud.signer.sign({**claims, "iss": three.pool.issuer, "client_id": three.pool.client_id}, kid=pools),
        "own kid": cloud.signer.sign({**claims, "iss": three.certified.issuer}),
        "stranger": cloud.signer.sign({**claims, "iss": "https://stranger.example/"}),
    }

    assert {name: may(api, cloud, bearer) for name, bearer in forged.items()} == {
        "certified": "signature",
        "pool": "signature",
        "own kid": "unknown_key",
        "stranger": "issuer",
    }


def test_when_one_issuer_is_away_the_others_tokens_are_admitted(api: Api, cloud: LiveCloud, three: Three) -> None:
    pool_user = three.pool.signed_in("shop-operators")["access"]
    with certified_provider() as gone:
        orphan = gone.bearer("jane", "cloakroom", "consumer")
        away = settings(three.pool, gone)
    with environment_of(cloud, "authorize", {"ISSUERS": json.dumps(away)}):
        assert may(api, cloud, orphan) == "keys_unavailable"
        assert api.get(JOB, pool_user).status == 404
        assert api.get(JOB, cloud.token(unique("local"), ["admin"])).status == 404


def test_without_the_short_form_the_listed_issuers_are_all(api: Api, cloud: LiveCloud, three: Three) -> None:
    none = dict.fromkeys(("JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL"), "")
    with environment_of(cloud, "authorize", none):
        assert api.get(JOB, three.pool.signed_in("shop-operators")["access"]).status == 404
        assert may(api, cloud, cloud.token(unique("local"), ["admin"])) == "issuer"


def test_a_setting_that_cannot_be_read_denies_all_and_the_log_says_where_it_is_wrong(
    api: Api, cloud: LiveCloud, three: Three
) -> None:
    spoilt = settings(three.pool, three.certified)
    spoilt[1]["algorithms"] = ["none"]
    with environment_of(cloud, "authorize", {"ISSUERS": json.dumps(spoilt)}):
        assert api.get(JOB, cloud.token(unique("local"), ["admin"])).status == 403

    lines = [json.loads(line) for line in cloud.logs("authorize").splitlines() if '"Misconfigured"' in line]
    assert lines[-1]["reason"] == "ISSUERS[1].algorithms must be a list of some of RS256, ES256"


def test_a_subject_of_another_issuer_stays_in_its_path(api: Api, three: Three) -> None:
    bearer = three.certified.bearer("joe", "cloakroom", "consumer")

    assert api.get(f"/subjects/{quote('oidc:joe', safe='')}/tokens", bearer).status == 200
    assert api.get("/subjects/joe/tokens", bearer).status == 403
