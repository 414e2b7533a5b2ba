"""Complete the REST API: MiniStack's import of the document keeps paths, proxies and authorizers only.

What it drops is put back call by call: integrations that are not Lambda proxies (Chalice's CORS preflight
is a mock), models, request validators, gateway responses, the source of API keys. Everything here may run twice.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

Document = dict[str, Any]

_WRITTEN_AS_GIVEN = ("requestTemplates", "requestParameters", "credentials", "uri")


def complete(client: Any, api_id: str, document: Document, stage: str) -> None:
    """Give the deployed API what its document says beyond paths and proxies."""
    for name, schema in (document.get("definitions") or {}).items():
        if name != "Empty":  # API Gateway has that one by itself
            _put_model(client, api_id, name, schema)
    validators = _put_validators(client, api_id, document)
    pages = client.get_paginator("get_resources").paginate(restApiId=api_id)
    resources = {resource["path"]: resource["id"] for page in pages for resource in page["items"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = {"restApiId": api_id, "resourceId": resources[path], "httpMethod": method.upper()}
            patches = _method_patches(operation, document, validators)
            if patches:
                client.update_method(**where, patchOperations=patches)
            _put_integration(client, where, operation.get("x-amazon-apigateway-integration"))
    source = document.get("x-amazon-apigateway-api-key-source", "HEADER")
    client.update_rest_api(restApiId=api_id, patchOperations=[_patch("replace", "/apiKeySource", source)])
    for kind, response in (document.get("x-amazon-apigateway-gateway-responses") or {}).items():
        client.put_gateway_response(restApiId=api_id, responseType=kind, **_gateway_response(response))
    client.create_deployment(restApiId=api_id, stageName=stage)


def _put_model(client: Any, api_id: str, name: str, schema: Document) -> None:
    try:
        client.create_model(restApiId=api_id, name=name, contentType="application/json", schema=json.dumps(schema))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConflictException":
            raise


def _put_validators(client: Any, api_id: str, document: Document) -> dict[str, str]:
    wanted = document.get("x-amazon-apigateway-request-validators") or {}
    present = {item["name"]: item["id"] for item in client.get_request_validators(restApiId=api_id).get("items", [])}
    for name, settings in wanted.items():
        if name not in present:
            created = client.create_request_validator(restApiId=api_id, name=name, **settings)
            present[name] = created["id"]
    return present


def _method_patches(operation: Document, document: Document, validators: dict[str, str]) -> list[dict[str, str]]:
    patches = []
    extension = "x-amazon-apigateway-request-validator"
    validator = operation.get(extension) or document.get(extension)
    if validator in validators:
        patches.append(_patch("replace", "/requestValidatorId", validators[validator]))
    for parameter in operation.get("parameters", []):
        place, required = parameter.get("in"), parameter.get("required")
        if place == "body" and "$ref" in parameter.get("schema", {}):
            model = parameter["schema"]["$ref"].rpartition("/")[2]
            patches.append(_patch("add", "/requestModels/application~1json", model))
        elif required and place in {"query", "header"}:
            kind = "querystring" if place == "query" else place
            patches.append(_patch("add", f"/requestParameters/method.request.{kind}.{parameter['name']}", "true"))
    return patches


def _patch(op: str, path: str, value: str) -> dict[str, str]:
    return {"op": op, "path": path, "value": value}


def _put_integration(client: Any, where: dict[str, str], integration: Document | None) -> None:
    """Write one integration with its responses, unless it is a Lambda proxy, which the import has kept."""
    if not integration or integration["type"].lower() == "aws_proxy":
        return
    options = {name: integration[name] for name in _WRITTEN_AS_GIVEN if name in integration}
    if "passthroughBehavior" in integration:
        options["passthroughBehavior"] = integration["passthroughBehavior"].upper()
    if "httpMethod" in integration:
        options["integrationHttpMethod"] = integration["httpMethod"]
    client.put_integration(**where, type=integration["type"].upper(), **options)
    for pattern, response in integration.get("responses", {}).items():
        client.put_integration_response(
            **where,
            statusCode=str(response["statusCode"]),
            selectionPattern="" if pattern == "default" else pattern,
            responseParameters=response.get("responseParameters", {}),
            responseTemplates=response.get("responseTemplates", {}),
        )


def _gateway_response(response: Document) -> Document:
    return {name: str(value) if name == "statusCode" else value for name, value in response.items()}
