from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chalicelib.intake import bodies
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
