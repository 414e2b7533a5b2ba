from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  Hypothesis reads the annotations
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.signature import Credentials, Signer
from tests.chalicelib.aws.signing import signed

REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-4")
KEYS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=16, max_size=32)
SECRETS = st.text(st.characters(codec="ascii", exclude_categories=("C", "Z")), min_size=1, max_size=60)
VALUES = st.text(st.characters(codec="ascii", min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
CONNECTION_IDS = st.text(st.characters(codec="ascii", exclude_categories=("C", "Z")), min_size=1, max_size=30)


@dataclass(frozen=True)
class Asked:
    """A request to sign, as whom, and for which service."""

    service: str
    credentials: Credentials
    region: str = "us-east-1"
    method: str = "POST"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def signed(self, at: int) -> dict[str, str]:
        signer = Signer(self.credentials, region=self.region, service=self.service)
        return signed(signer, self.method, self.path, self.headers, self.body, at=at)

    def signed_by_its_form(self, at: int) -> dict[str, str]:
        signer = Signer(self.credentials, region=self.region, service=self.service)
        form = signer.form(self.method, self.path, self.headers)
        signer.sign(form, b"another body", at=at - 86_400)
        date, authorization = signer.sign(form, self.body, at=at)
        return {**form.headers, "x-amz-date": date, "authorization": authorization}

    def signed_by_botocore(self) -> dict[str, str]:
        headers = {name: value for name, value in self.headers.items() if name != "host"}
        request = AWSRequest(self.method, f"https://{self.headers['host']}{self.path}", data=self.body, headers=headers)
        known = self.credentials
        SigV4Auth(
            BotoCredentials(known.access_key, known.secret_key, known.session_token), self.service, self.region
        ).add_auth(request)
        return {"host": self.headers["host"], **{name.lower(): value for name, value in request.headers.items()}}


def assert_the_same(asked: Asked) -> None:
    expected = asked.signed_by_botocore()
    moment = datetime.strptime(expected["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    assert asked.signed(int(moment.timestamp())) == expected
    assert asked.signed_by_its_form(int(moment.timestamp())) == expected


CREDENTIALS = st.builds(Credentials, access_key=KEYS, secret_key=SECRETS, session_token=st.none() | SECRETS)
PUTS = st.builds(
    Asked,
    service=st.sampled_from(["dynamodb", "sqs"]),
    credentials=CREDENTIALS,
    region=st.sampled_from(REGIONS),
    headers=st.builds(
        lambda operation, region: {
            "host": f"dynamodb.{region}.amazonaws.com",
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        },
        st.sampled_from(["PutItem", "GetItem", "Query", "TransactWriteItems", "SendMessage"]),
        st.sampled_from(REGIONS),
    ),
    body=st.binary(max_size=300),
)
POSTS = st.builds(
    Asked,
    service=st.just("execute-api"),
    credentials=CREDENTIALS,
    region=st.sampled_from(REGIONS),
    method=st.sampled_from(["POST", "DELETE"]),
    path=st.builds(
        "{}/@connections/{}".format,
        st.sampled_from(["", "/api", "/a/b", "/_aws/execute-api/x1/api"]),
        CONNECTION_IDS.filter(lambda text: text not in {".", ".."}).map(lambda text: quote(text, safe="")),
    ),
    headers=st.sampled_from(
        [
            {"host": "abc.execute-api.eu-central-1.amazonaws.com", "content-type": "application/octet-stream"},
            {"host": "h"},
        ]
    ),
    body=st.binary(max_size=300),
)


@settings(max_examples=1_500)
@given(asked=PUTS)
def test_a_table_s_and_a_queue_s_requests_are_signed_as_botocore_signs_them(asked: Asked) -> None:
    assert_the_same(asked)


@settings(max_examples=1_500)
@given(asked=POSTS)
def test_a_socket_s_requests_are_signed_as_botocore_signs_them(asked: Asked) -> None:
    assert_the_same(asked)


@settings(max_examples=500)
@given(asked=POSTS, others=st.lists(POSTS, max_size=4))
def test_requests_that_differ_in_their_path_alone_are_signed_as_each_by_itself(
    asked: Asked, others: list[Asked]
) -> None:
    signer = Signer(asked.credentials, region=asked.region, service=asked.service)
    alike = signer.alike(asked.method, asked.headers, asked.body, at=1_800_057_599)

    for path in (asked.path, *(other.path for other in others), asked.path):
        signed = {**alike.headers, "authorization": alike.authorization + alike.signature(path)}
        assert signed == replace(asked, path=path).signed(1_800_057_599)


@settings(max_examples=300)
@given(value=VALUES, port=st.none() | st.integers(min_value=1024, max_value=65_535))
def test_any_header_s_white_space_and_any_port_are_written_as_botocore_writes_them(
    value: str, port: int | None
) -> None:
    credentials = Credentials(access_key="AKIDEXAMPLE", secret_key="secret")
    host = "localhost" if port is None else f"localhost:{port}"
    assert_the_same(Asked("kms", credentials, headers={"host": host, "x-amz-something": value}))


def test_a_key_is_derived_anew_on_the_next_day() -> None:
    credentials = Credentials(access_key="AKIDEXAMPLE", secret_key="secret")
    signer = Signer(credentials, region="us-east-1", service="dynamodb")
    midnight = 1_800_057_600  # 2027-01-16T00:00:00Z

    signatures = [
        signed(signer, "POST", "/", {"host": "h"}, b"", at=at) for at in (midnight - 1, midnight, midnight - 1)
    ]
    fresh = signed(
        Signer(credentials, region="us-east-1", service="dynamodb"), "POST", "/", {"host": "h"}, b"", at=midnight
    )

    assert signatures[1] == fresh
    assert signatures[0] == signatures[2]
    assert "20270115/us-east-1" in signatures[0]["authorization"]
    assert "20270116/us-east-1" in signatures[1]["authorization"]


@pytest.mark.parametrize("path", ["//", "/a//b", "/a/./b", "/../x", "x", ""])
def test_a_path_that_the_other_side_would_read_as_another_is_not_signed(path: str) -> None:
    signer = Signer(Credentials(access_key="A", secret_key="s"), region="us-east-1", service="dynamodb")

    with pytest.raises(ValueError, match="path"):
        signed(signer, "POST", path, {"host": "h"}, b"", at=0)


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(Credentials(access_key="AKIDEXAMPLE", secret_key="hush-1", session_token="hush-2"))

    assert "AKIDEXAMPLE" in shown
    assert "hush" not in shown
