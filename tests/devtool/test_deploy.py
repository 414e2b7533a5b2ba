"""Deploying to a real MiniStack: addresses that stay, what the import drops, and failures that say why."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from devtool import environment, gateway, template
from devtool.errors import DeployFailed
from devtool.stack import Stack
from devtool.testing import bare_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devtool.emulator import Emulator

PREFLIGHT = {
    "responses": {"200": {"description": "ok"}},
    "x-amazon-apigateway-integration": {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"},
            }
        },
    },
}


def packaged(*paths: str) -> dict[str, Any]:
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "RestAPI": {
                "Type": "AWS::Serverless::Api",
                "Properties": {
                    "StageName": "api",
                    "DefinitionBody": {
                        "swagger": "2.0",
                        "info": {"title": "t", "version": "1"},
                        "paths": {path: {"options": PREFLIGHT} for path in paths},
                        "definitions": {"Thing": {"type": "object"}},
                        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
                        "x-amazon-apigateway-gateway-responses": {
                            "MISSING_AUTHENTICATION_TOKEN": {
                                "statusCode": 404,
                                "responseTemplates": {"application/json": '{"code":"not_found"}'},
                            }
                        },
                    },
                },
            },
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
        },
        "Outputs": {
            "RestAPIId": {"Value": {"Ref": "RestAPI"}},
            "QueueUrl": {"Value": {"Ref": "Queue"}},
        },
    }


@pytest.fixture(scope="module")
def engine() -> Iterator[Emulator]:
    with bare_emulator(enforce_iam=True) as running:
        yield running


@pytest.fixture
def stack(engine: Emulator) -> Stack:
    return Stack(engine.endpoint, log=engine.log)


def deploy(stack: Stack, folder: Path, document: dict[str, Any]) -> template.Template:
    (folder / "sam.json").write_text(json.dumps(document))
    with zipfile.ZipFile(folder / "deployment.zip", "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return None")
    return stack.deploy(folder, {"Unknown": "left out"})


def request(engine: Emulator, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    url = f"{engine.endpoint}/_aws/execute-api/cloakroom/api{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_the_address_survives_a_change_of_routes(stack: Stack, engine: Emulator, tmp_path: Path) -> None:
    for paths in (("/one",), ("/one", "/two"), ("/one", "/two"), ("/two",)):
        deployed = deploy(stack, tmp_path, packaged(*paths))
        gateway.complete(
            environment.client("apigateway", engine.endpoint),
            stack.outputs()["RestAPIId"],
            template.rest_document(deployed),
            "api",
        )

        assert stack.outputs()["RestAPIId"] == "cloakroom"
        assert request(engine, paths[-1], "OPTIONS")[0] == 200

    assert request(engine, "/one", "OPTIONS")[0] == 404


def test_preflight_models_and_gateway_responses_are_put_back(stack: Stack, engine: Emulator, tmp_path: Path) -> None:
    deployed = deploy(stack, tmp_path, packaged("/things"))
    client = environment.client("apigateway", engine.endpoint)

    for _ in range(2):
        gateway.complete(client, "cloakroom", template.rest_document(deployed), "api")

    status, headers, _ = request(engine, "/things", "OPTIONS")
    assert status == 200
    assert {name.lower(): value for name, value in headers.items()}["access-control-allow-origin"] == "*"
    status, _, body = request(engine, "/nowhere")
    assert (status, body) == (404, b'{"code":"not_found"}')
    assert [model["name"] for model in client.get_models(restApiId="cloakroom")["items"]].count("Thing") == 1
    validators = client.get_request_validators(restApiId="cloakroom")["items"]
    assert [validator["name"] for validator in validators] == ["body"]


def test_a_failed_deploy_names_the_resource_the_reason_and_the_log(
    stack: Stack, engine: Emulator, tmp_path: Path
) -> None:
    deploy(stack, tmp_path, packaged("/one"))
    broken = copy.deepcopy(packaged("/one"))
    broken["Resources"]["Queue2"] = {"Type": "AWS::SQS::Kueue", "Properties": {}}

    with pytest.raises(DeployFailed) as raised:
        deploy(stack, tmp_path, broken)

    assert "Kueue" in str(raised.value)
    assert str(engine.log) in str(raised.value)


def test_after_a_failed_deploy_the_next_good_one_works(stack: Stack, engine: Emulator, tmp_path: Path) -> None:
    broken = packaged("/one")
    broken["Resources"]["Queue2"] = {"Type": "AWS::SQS::Kueue", "Properties": {}}
    with pytest.raises(DeployFailed):
        deploy(stack, tmp_path, broken)

    deploy(stack, tmp_path, packaged("/after"))

    assert stack.outputs()["RestAPIId"] == "cloakroom"


def test_a_stack_that_is_not_there_says_so(engine: Emulator) -> None:
    with pytest.raises(DeployFailed, match="there is no stack nothing"):
        Stack(engine.endpoint, log=engine.log, name="nothing").outputs()


def test_a_first_deploy_that_failed_is_made_anew(engine: Emulator, tmp_path: Path) -> None:
    stack = Stack(engine.endpoint, log=engine.log, name="fresh")
    broken: dict[str, Any] = {
        "Resources": {"A": {"Type": "AWS::SQS::Queue"}, "B": {"Type": "AWS::SQS::Kueue", "DependsOn": "A"}}
    }
    with pytest.raises(DeployFailed):
        deploy(stack, tmp_path, broken)

    deploy(stack, tmp_path, {"Resources": {"A": {"Type": "AWS::SQS::Queue"}}})

    assert stack.exists()
