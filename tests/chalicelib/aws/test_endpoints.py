from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from chalicelib.aws.endpoints import LEFT_TO_BOTO, Endpoint, endpoint_of, parse, surroundings

LAMBDA = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-central-1",
}


def regions() -> list[str]:
    session = Session()
    return sorted(
        {
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions("dynamodb", partition)
        }
    )


@pytest.mark.parametrize("service", ["dynamodb", "kms", "sqs"])
def test_each_region_s_endpoint_is_the_one_that_botocore_knows(service: str) -> None:
    session = Session()
    known: dict[str, Any] = {
        region: session.create_client(
            service, region_name=region, aws_access_key_id="a", aws_secret_access_key="s"
        ).meta.endpoint_url
        for region in regions()
    }

    assert len(known) > 30
    assert {region: f"https://{endpoint_of(service, region, {}).authority}" for region in known} == known


def test_an_override_leads_elsewhere() -> None:
    everywhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/"}
    own = {**everywhere, "AWS_ENDPOINT_URL_DYNAMODB": "https://db.example/base"}
    ignored = {**own, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}

    assert endpoint_of("kms", "us-east-1", own) == Endpoint(is_secure=False, host="127.0.0.1", port=4566)
    assert endpoint_of("dynamodb", "us-east-1", own) == Endpoint(
        is_secure=True, host="db.example", port=443, path="/base"
    )
    assert endpoint_of("dynamodb", "us-east-1", ignored).host == "dynamodb.us-east-1.amazonaws.com"


def test_a_port_is_named_where_it_is_not_the_scheme_s_own() -> None:
    assert parse("http://localhost:4566").authority == "localhost:4566"
    assert parse("http://localhost:80").authority == "localhost"
    assert parse("https://localhost").authority == "localhost"
    assert parse("https://localhost:80").authority == "localhost:80"


@pytest.mark.parametrize(
    "url", ["", "localhost:4566", "ftp://x", "http://", "http://u:p@x", "http://x?y", "http://x#y", "http://x:99999"]
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"endpoint|[Pp]ort"):
        parse(url)


def test_a_function_s_environment_says_as_whom_it_calls() -> None:
    around = surroundings(LAMBDA)

    assert around is not None
    assert (around.region, around.credentials.access_key) == ("eu-central-1", "ASIAEXAMPLE")
    assert (around.credentials.secret_key, around.credentials.session_token) == ("secret", "token")
    without = surroundings({**LAMBDA, "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"})
    assert without is not None
    assert (without.region, without.credentials.session_token) == ("us-west-2", None)


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"])
def test_where_the_environment_does_not_say_it_boto3_has_to_find_out(missing: str) -> None:
    assert surroundings({**LAMBDA, missing: ""}) is None


@pytest.mark.parametrize("setting", LEFT_TO_BOTO)
def test_what_only_boto3_understands_is_left_to_it(setting: str) -> None:
    assert surroundings({**LAMBDA, setting: "true"}) is None
