"""The chalice command line as it is, on a MiniStack: `python chalice_on_ministack.py deploy --stage direct`.

`chalice deploy` sends the REST API as one swagger document; MiniStack has no such import. The same document goes there
as single calls, and everything else is left to chalice. Whatever of a document is not known here is an error.
Run it with `python -P`: the modules beside it are not for chalice to import.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import botocore.waiter
from chalice.awsclient import TypedAWSClient
from chalice.cli import main

Document = dict[str, Any]


def import_rest_api(self: TypedAWSClient, swagger_document: Document, endpoint_type: str) -> str:
    gateway = self._client("apigateway")
    created = gateway.create_rest_api(
        name=swagger_document["info"]["title"],
        endpointConfiguration={"types": [endpoint_type]},
        binaryMediaTypes=swagger_document.get("x-amazon-apigateway-binary-media-types", []),
    )
    write(gateway, created["id"], swagger_document)
    return str(created["id"])


def update_api_from_swagger(self: TypedAWSClient, rest_api_id: str, swagger_document: Document) -> None:
    gateway = self._client("apigateway")
    clear(gateway, rest_api_id)
    write(gateway, rest_api_id, swagger_document)


def update_rest_api(self: TypedAWSClient, rest_api_id: str, patch_operations: list[Document]) -> None:
    """Leave an empty compression size out: MiniStack gives it back as it came, and botocore wants a number."""
    patches = [patch for patch in patch_operations if patch["path"] != "/minimumCompressionSize" or patch.get("value")]
    if patches:
        _update_rest_api(self, rest_api_id, patches)


def clear(gateway: Any, api_id: str) -> None:
    """Take every path, method and authorizer away: an overwrite begins with nothing."""
    for resource in resources(gateway, api_id):
        for method in resource.get("resourceMethods", {}):
            gateway.delete_method(restApiId=api_id, resourceId=resource["id"], httpMethod=method)
    for path, resource_id in sorted(paths(gateway, api_id).items(), reverse=True):
        if path != "/":
            gateway.delete_resource(restApiId=api_id, resourceId=resource_id)
    for authorizer in gateway.get_authorizers(restApiId=api_id)["items"]:
        gateway.delete_authorizer(restApiId=api_id, authorizerId=authorizer["id"])


def write(gateway: Any, api_id: str, document: Document) -> None:
    known, authorizers = paths(gateway, api_id), write_authorizers(gateway, api_id, document)
    for path, operations in document["paths"].items():
        parent = known["/"]
        parts = path.strip("/").split("/")
        for depth, part in enumerate(parts, 1):
            place = "/" + "/".join(parts[:depth])
            if place not in known:
                created = gateway.create_resource(restApiId=api_id, parentId=parent, pathPart=part)
                known[place] = created["id"]
            parent = known[place]
        for method, operation in operations.items():
            where = {"restApiId": api_id, "resourceId": parent, "httpMethod": method.upper()}
            write_method(gateway, where, operation, authorizers)


def write_authorizers(gateway: Any, api_id: str, document: Document) -> dict[str, str]:
    written = {}
    for name, definition in document.get("securityDefinitions", {}).items():
        extension = definition["x-amazon-apigateway-authorizer"]
        assert extension["type"] == "token", f"an authorizer of type {extension['type']}"
        created = gateway.create_authorizer(
            restApiId=api_id,
            name=name,
            type="TOKEN",
            authorizerUri=extension["authorizerUri"],
            identitySource=f"method.request.header.{definition['name']}",
            authorizerResultTtlInSeconds=extension["authorizerResultTtlInSeconds"],
        )
        written[name] = created["id"]
    return written


def write_method(gateway: Any, where: Document, operation: Document, authorizers: dict[str, str]) -> None:
    names = [name for requirement in operation.get("security", []) for name in requirement]
    guard: Document = {"authorizationType": "NONE"}
    if names:
        (name,) = names
        guard = {"authorizationType": "CUSTOM", "authorizerId": authorizers[name]}
    gateway.put_method(**where, **guard)
    integration = operation["x-amazon-apigateway-integration"]
    assert integration["type"] == "aws_proxy", f"an integration of type {integration['type']}"
    gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=integration["uri"])


def resources(gateway: Any, api_id: str) -> list[Document]:
    return [
        item for page in gateway.get_paginator("get_resources").paginate(restApiId=api_id) for item in page["items"]
    ]


def paths(gateway: Any, api_id: str) -> dict[str, str]:
    return {resource["path"]: resource["id"] for resource in resources(gateway, api_id)}


_update_rest_api = TypedAWSClient.update_rest_api
TypedAWSClient.update_rest_api = update_rest_api
TypedAWSClient.import_rest_api = import_rest_api
TypedAWSClient.update_api_from_swagger = update_api_from_swagger

# botocore's waiters look every 5 s whether a function is ready; here it is in a moment.
botocore.waiter.time = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 0.1)))

if __name__ == "__main__":
    main()
