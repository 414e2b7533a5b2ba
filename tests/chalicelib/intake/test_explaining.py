from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.errors import InvalidBody
from chalicelib.intake.explaining import read_explain
from chalicelib.model.explanation import Asked
from chalicelib.model.limits import Somewhere


def asked(**members: Any) -> Asked:
    return read_explain(json.dumps({"method": "GET", "path": "/jobs", **members}).encode())


def test_a_bearer_or_a_principal_is_asked_about() -> None:
    assert asked(bearer="a.b.c") == Asked(method="GET", path="/jobs", bearer="a.b.c")
    assert asked(principal="jane", groups=["a"], claims={"shop": "x"}, client="spa", within={"provider": "google"}) == (
        Asked(
            method="GET",
            path="/jobs",
            principal="jane",
            groups=("a",),
            claims={"shop": "x"},
            client="spa",
            within=Somewhere(environment="default", domain="default", provider="google"),
        )
    )


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "principal"),
        ({"principal": "jane", "bearer": "a.b.c"}, "principal"),
        ({"bearer": "a.b.c", "client": "spa"}, "client"),
        ({"principal": "jane", "client": "a\u202eb"}, "client"),
        ({"principal": "jane", "groups": ["a", "a,b"]}, "groups[1]"),
        ({"principal": "jane", "claims": {"shop": "*"}}, "claims"),
        ({"principal": "jane", "path": "/a b"}, "path"),
        ({"principal": "jane", "path": "/a#b"}, "path"),
        ({"principal": "jane", "path": "/a\n"}, "path"),
        ({"principal": "jane", "path": "/\u00e4"}, "path"),
    ],
)
def test_what_no_request_could_be_is_refused_by_its_field(members: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        asked(**members)

    assert refused.value.facts["field"] == field


def test_a_refusal_repeats_no_bearer() -> None:
    with pytest.raises(InvalidBody) as refused:
        asked(bearer=["eyJhbGciOi"], principal="jane")

    assert "eyJhbGciOi" not in str(refused.value)


@pytest.mark.parametrize("path", ["/a%2Fb", "/a|b", "/a{b}", "/a;b=c", '/"', "/~"])
def test_a_path_is_taken_as_it_is_written(path: str) -> None:
    assert asked(principal="jane", path=path).path == path
