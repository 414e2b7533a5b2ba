from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib.intake import bodies
from chalicelib.web.links import LINKS
from chalicelib.web.openapi import document

ROOT = Path(__file__).parents[3]


def every_ref(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [ref for part in value.values() for ref in every_ref(part)]
    if isinstance(value, list):
        return [ref for part in value for ref in every_ref(part)]
    return []


def test_the_file_is_the_document_that_is_served() -> None:
    """Write it anew with `python -m chalicelib.web.openapi > openapi.json`."""
    assert json.loads((ROOT / "openapi.json").read_text(encoding="utf-8")) == document()


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in document()["components"]["schemas"]}

    assert set(every_ref(document())) <= known


def test_every_operation_has_a_name_of_its_own_and_documents_its_refusals() -> None:
    operations = [
        operation
        for path in document()["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]

    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert {"400", "401", "403", "404", "429", "431", "503"} <= set(operation["responses"]), operation[
            "operationId"
        ]


def test_the_limits_of_a_body_are_stated() -> None:
    schemas = document()["components"]["schemas"]
    token, hand_in = schemas["TokenIn"]["properties"], schemas["HandIn"]["properties"]

    assert token["access_token"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": bodies.LONGEST_TOKEN,
        "pattern": r"^[\x20-\x7E]*$(?!\n)",
    }
    assert token["refresh_token"]["anyOf"][0]["maxLength"] == bodies.LONGEST_TOKEN
    assert token["scope"]["anyOf"][0]["maxLength"] == bodies.LONGEST_SCOPE
    assert token["token_type"]["anyOf"][0]["maxLength"] == bodies.LONGEST_TOKEN_TYPE
    assert str(bodies.LARGEST_EXTRA) in token["extra"]["description"]
    assert str(bodies.DEEPEST_EXTRA) in token["extra"]["description"]
    assert hand_in["metadata"]["maxProperties"] == bodies.MOST_METADATA
    assert hand_in["subject"]["maxLength"] == 128
    assert str(bodies.LARGEST_BODY) in document()["info"]["description"]
    assert schemas["TokenIn"]["additionalProperties"] is False
    assert schemas["HandIn"]["additionalProperties"] is False


def operations() -> dict[str, dict[str, Any]]:
    """Return each operation by its id, with the parameters of its path among its own."""
    found = {}
    for item in document()["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
                found[operation["operationId"]] = {**operation, "parameters": parameters}
    return found


@pytest.mark.parametrize(("operation", "status"), LINKS)
def test_every_link_stands_at_an_answer_and_gives_what_its_operation_takes(operation: str, status: str) -> None:
    known = operations()

    links = known[operation]["responses"][status]["links"]

    assert set(links) == set(LINKS[operation, status])
    for link in links.values():
        target = {one["name"]: one["in"] for one in known[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= set(target)
        assert {name for name, where in target.items() if where == "path"} <= set(link["parameters"])
        for expression in link["parameters"].values():
            assert re.fullmatch(r"\$(response\.body#|request\.body#|request\.path)[/.][a-z_]+", expression)


def test_answers_that_several_operations_share_have_the_links_of_their_own_alone() -> None:
    known = operations()

    linked = {
        (name, status)
        for name, one in known.items()
        for status in one["responses"]
        if "links" in one["responses"][status]
    }

    assert linked == set(LINKS)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            "RevocationIn",
            [{"principal": "p"}, {"bearer": "b"}, {"principal": "p", "bearer": None}],
            [{}, {"principal": "p", "bearer": "b"}, {"principal": None}, {"bearer": "b", "issued_before": "x"}],
        ),
        (
            "TicketIn",
            [{}, {"subject": "s"}, {"job": "a" * 26}, {"subject": "s", "job": None}],
            [{"subject": "s", "job": "a" * 26}],
        ),
        (
            "ProviderIn",
            [
                {"client_id": "c", "auth_method": "none", "token_endpoint": "https://x"},
                {"client_id": "c", "auth_method": "none", "discovery_url": "https://x", "token_endpoint": None},
            ],
            [
                {"client_id": "c", "auth_method": "none"},
                {"client_id": "c", "auth_method": "none", "token_endpoint": None},
            ],
        ),
        ("LimitsIn", [{"domains": ["shop"]}], [{}]),
    ],
)
def test_the_document_says_which_members_go_together(schema: str, good: list[Any], bad: list[Any]) -> None:
    whole = document()
    validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": whole["components"]})

    assert [validator.is_valid(one) for one in good] == [True] * len(good)
    assert [validator.is_valid(one) for one in bad] == [False] * len(bad)
