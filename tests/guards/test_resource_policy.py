"""Where requests may come from: the policy as the template renders it, decided as IAM decides it."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from typing import Any

import pytest

from devtool.intrinsics import Values
from tests.guards.project import TEMPLATE

DEFAULTS = {name: str(one["Default"]) for name, one in TEMPLATE["Parameters"].items() if "Default" in one}
ARN = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/api/POST/tokens"

OFFICE, ELSEWHERE = {"aws:SourceIp": "203.0.113.9"}, {"aws:SourceIp": "198.51.100.1"}
IPV6 = {"aws:SourceIp": "2001:db8::9"}
OURS, THEIRS = {"aws:SourceVpce": "vpce-0a1b2c3d"}, {"aws:SourceVpce": "vpce-99999999"}


def policy(addresses: str = "", endpoints: str = "") -> dict[str, Any] | None:
    given = {**DEFAULTS, "AllowAddresses": addresses, "AllowVpcEndpoints": endpoints}
    document = TEMPLATE["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    rendered = Values(names=given, conditions=TEMPLATE["Conditions"]).resolve(
        {"policy": document["x-amazon-apigateway-policy"]}
    )
    found: dict[str, Any] | None = rendered.get("policy")
    return found


def lets_in(document: dict[str, Any] | None, request: dict[str, str]) -> bool:
    """Decide as IAM does: an explicit Deny wins, an Allow is needed, and all operators of a condition must hold."""
    if document is None:
        return True
    effects = {one["Effect"] for one in document["Statement"] if applies(one, request)}
    return "Deny" not in effects and "Allow" in effects


def applies(statement: dict[str, Any], request: dict[str, str]) -> bool:
    assert (statement["Principal"], statement["Action"]) == ("*", "execute-api:Invoke")
    # API Gateway writes its own ARN in place of what stands before the slash.
    assert fnmatch.fnmatchcase(ARN, statement["Resource"].replace("execute-api:", f"{ARN.partition('/')[0]}", 1))
    condition = statement.get("Condition", {})
    assert set(condition) <= set(OPERATORS)
    return all(OPERATORS[name](wanted, request) for name, wanted in condition.items())


def not_ip_address(wanted: dict[str, list[str]], request: dict[str, str]) -> bool:
    ((key, ranges),) = wanted.items()
    if key not in request:
        return True  # a negated operator holds where its key is absent
    address = ipaddress.ip_address(request[key])
    return not any(address in ipaddress.ip_network(one) for one in ranges)


def string_not_equals(wanted: dict[str, list[str]], request: dict[str, str]) -> bool:
    ((key, values),) = wanted.items()
    return request.get(key) not in values


OPERATORS = {"NotIpAddress": not_ip_address, "StringNotEquals": string_not_equals}


def test_without_a_list_there_is_no_policy() -> None:
    assert policy() is None


@pytest.mark.parametrize(
    ("addresses", "endpoints", "let_in", "kept_out"),
    [
        ("203.0.113.0/24", "", [OFFICE], [ELSEWHERE, IPV6, OURS, {}]),
        ("198.51.100.7,203.0.113.9", "", [OFFICE], [ELSEWHERE]),
        ("203.0.113.0/24,2001:db8::/32", "", [OFFICE, IPV6], [ELSEWHERE]),
        ("", "vpce-0a1b2c3d", [OURS], [THEIRS, OFFICE, {}]),
        ("", "vpce-11111111,vpce-0a1b2c3d", [OURS], [THEIRS]),
        ("203.0.113.0/24", "vpce-0a1b2c3d", [OFFICE, OURS], [ELSEWHERE, THEIRS, IPV6, {}]),
    ],
)
def test_who_comes_from_a_listed_place_is_let_in_and_nobody_else(
    addresses: str, endpoints: str, let_in: list[dict[str, str]], kept_out: list[dict[str, str]]
) -> None:
    rendered = policy(addresses, endpoints)

    assert [lets_in(rendered, request) for request in let_in] == [True] * len(let_in)
    assert [lets_in(rendered, request) for request in kept_out] == [False] * len(kept_out)


def test_no_condition_is_left_that_lists_nothing() -> None:
    for given in ({"addresses": "203.0.113.9"}, {"endpoints": "vpce-0a1b2c3d"}):
        rendered = policy(**given)
        assert rendered is not None
        (condition,) = [one["Condition"] for one in rendered["Statement"] if "Condition" in one]
        ((operator, (values,)),) = [(name, list(wanted.values())) for name, wanted in condition.items()]
        assert values, operator
        assert all(values), operator


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        ("AllowAddresses", ["", "203.0.113.9", "203.0.113.0/24,2001:db8::/32"], ["a", "203.0.113.9,", "*", "1.2.3.4 "]),
        ("AllowVpcEndpoints", ["", "vpce-0a1b2c3d,vpce-0123456789abcdef0"], ["vpc-0a1b2c3d", "vpce-*", "vpce-x"]),
        ("Clients", ["", "a", "hook,https://client.example/"], ["a,", "a b", ",".join("c" * 17)]),
        ("CorsOrigins", ["", "https://app.example", "http://localhost:5173"], ["*", "http://app.example", "null"]),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused_before_anything_is_deployed(
    parameter: str, taken: list[str], refused: list[str]
) -> None:
    form = re.compile(TEMPLATE["Parameters"][parameter]["AllowedPattern"])

    assert [bool(form.fullmatch(value)) for value in taken] == [True] * len(taken)
    assert [bool(form.fullmatch(value)) for value in refused] == [False] * len(refused)


def test_a_changed_parameter_reaches_the_stage() -> None:
    """SAM makes a new deployment where the document's text changed, and a parameter's value is not in it."""
    assert TEMPLATE["Resources"]["RestAPI"]["Properties"]["AlwaysDeploy"] is True


def test_there_is_a_key_for_each_client_that_may_be_listed_and_one_for_all_others() -> None:
    resources = TEMPLATE["Resources"]
    members = {
        name: one["Properties"] for name, one in resources.items() if one.get("Type", "").endswith("UsagePlanKey")
    }
    numbers = {}
    for properties in members.values():
        key = resources[properties["KeyId"]["Ref"]]["Properties"]
        prefix, number = key["Value"]["Fn::Join"][1]
        assert prefix == TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["USAGE_KEYS"]
        numbers[number] = properties["UsagePlanId"]["Ref"]

    assert numbers == {"00": "OtherClients", **{f"{number:02}": "NamedClients" for number in range(1, 17)}}
