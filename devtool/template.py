"""Change in the packaged template what MiniStack 1.5.33 cannot take, and nothing else. Pure functions.

Each change is one function that names itself and says why; `adapt` applies them in order.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from devtool.intrinsics import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Template = dict[str, Any]

WEBSOCKET_API_ID = "cloakroom-ws"
REST_API_ID = "cloakroom"


def adapt(packaged: Template, *, code_bucket: str, code_key: str) -> Template:
    """Return the template that the local cloud is given for a packaged one."""
    template = copy.deepcopy(packaged)
    for change in _CHANGES:
        change(template)
    point_code_at(template, bucket=code_bucket, key=code_key)
    return template


def step_aside(template: Template) -> Template:
    """Return the template with the REST API under another id, so that the known id becomes free.

    MiniStack replaces an API whose document changed: it makes the new one before it deletes the old one, and
    an id can be taken once. Deploying this first and the wanted template next keeps the address. The mark in
    the document makes sure that the second update replaces it again.
    """
    aside = copy.deepcopy(template)
    for api in _of_type(aside, "AWS::Serverless::Api"):
        api["Properties"]["Tags"]["ms-custom-id"] = f"{REST_API_ID}-aside"
        api["Properties"]["DefinitionBody"]["info"]["description"] = "on its way to its known id"
    return aside


def point_code_at(template: Template, *, bucket: str, key: str) -> None:
    """Let each function load the uploaded zip: what `aws cloudformation package` does."""
    for function in _of_type(template, "AWS::Serverless::Function"):
        function["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}


def drop_websocket_deployment(template: Template) -> None:
    """Deploy the WebSocket stage automatically: MiniStack has no AWS::ApiGatewayV2::Deployment."""
    resources = template["Resources"]
    dropped = {name for name, value in resources.items() if value["Type"] == "AWS::ApiGatewayV2::Deployment"}
    for name in dropped:
        del resources[name]
    for stage in _of_type(template, "AWS::ApiGatewayV2::Stage"):
        stage["Properties"].pop("DeploymentId", None)
        stage["Properties"]["AutoDeploy"] = True
    for resource in resources.values():
        wanted = resource.get("DependsOn")
        if isinstance(wanted, list):
            resource["DependsOn"] = [name for name in wanted if name not in dropped]
        elif wanted in dropped:
            del resource["DependsOn"]


def state_binary_types(template: Template) -> None:
    """Give the binary media types as a property: the import ignores the swagger extension."""
    for api in _of_type(template, "AWS::Serverless::Api"):
        document = api["Properties"].get("DefinitionBody", {})
        types = document.get("x-amazon-apigateway-binary-media-types")
        if types:
            # With plain slashes: API Gateway wants ~1 for each, MiniStack keeps what it is given.
            api["Properties"]["BinaryMediaTypes"] = types


def pin_websocket_api(template: Template) -> None:
    """Pin the WebSocket API's id, so that the socket's address is the same after each start."""
    for api in _of_type(template, "AWS::ApiGatewayV2::Api"):
        api["Properties"].setdefault("Tags", {})["ms-custom-id"] = WEBSOCKET_API_ID


def pin_rest_api(template: Template) -> None:
    """Pin the REST API's id the same way. See `step_aside` for how it survives a change of routes."""
    for api in _of_type(template, "AWS::Serverless::Api"):
        api["Properties"].setdefault("Tags", {})["ms-custom-id"] = REST_API_ID
        api["Properties"]["PropagateTags"] = True  # else SAM tags the stage alone


def silence_stream_mappings(template: Template) -> None:
    """Leave the streams to our pump from the first record on: MiniStack's poller would read them too."""
    for function in _of_type(template, "AWS::Serverless::Function"):
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "DynamoDB":
                event["Properties"]["Enabled"] = False
    for mapping in _of_type(template, "AWS::Lambda::EventSourceMapping"):
        if "StartingPosition" in mapping["Properties"]:
            mapping["Properties"]["Enabled"] = False


def write_numbers(template: Template) -> None:
    """Write the default of each Number parameter where it is referred to: MiniStack resolves it to text.

    Its SQS poller compares that with a number, fails each second, and the queue stands still.
    """
    numbers = {
        name: int(parameter["Default"])
        for name, parameter in template.get("Parameters", {}).items()
        if parameter["Type"] == "Number"
    }
    template["Resources"] = _with_numbers(template["Resources"], numbers)


def _with_numbers(value: Any, numbers: dict[str, int]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"Ref"} and value["Ref"] in numbers:
            return numbers[value["Ref"]]
        return {name: _with_numbers(inner, numbers) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers(inner, numbers) for inner in value]
    return value


def say_the_handler(template: Template) -> None:
    """Say in each function's environment which one it is, as Lambda does by itself (`_HANDLER`)."""
    for function in _of_type(template, "AWS::Serverless::Function"):
        properties = function["Properties"]
        environment = properties.setdefault("Environment", {}).setdefault("Variables", {})
        environment["_HANDLER"] = properties["Handler"]


def drop_bucket_policies(template: Template) -> None:
    """Leave bucket policies away: ours wants TLS, and the local cloud speaks plain HTTP on the loopback device."""
    for name in [name for name, value in template["Resources"].items() if value["Type"] == "AWS::S3::BucketPolicy"]:
        del template["Resources"][name]


def drop_conditions_on_keys(document: Any) -> None:
    """Leave conditions on `kms:` keys away: MiniStack tells a policy nothing of a request's encryption context.

    To it such a key is always absent, so that a policy which wants one allows nothing.
    """
    if isinstance(document, list):
        for inner in document:
            drop_conditions_on_keys(inner)
    if not isinstance(document, dict):
        return
    for inner in document.values():
        drop_conditions_on_keys(inner)
    conditions = document.get("Condition")
    if isinstance(conditions, dict) and "Effect" in document:
        named = {operator: _without_kms(keys) for operator, keys in conditions.items()}
        document["Condition"] = {operator: keys for operator, keys in named.items() if keys}
        if not document["Condition"]:
            del document["Condition"]


def _without_kms(keys: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keys.items() if not name.startswith("kms:")}


_CHANGES: tuple[Callable[[Template], None], ...] = (
    drop_websocket_deployment,
    state_binary_types,
    pin_websocket_api,
    pin_rest_api,
    silence_stream_mappings,
    write_numbers,
    say_the_handler,
    drop_bucket_policies,
    drop_conditions_on_keys,
)


def _of_type(template: Template, kind: str) -> list[dict[str, Any]]:
    return [resource for resource in template["Resources"].values() if resource["Type"] == kind]


def rest_document(template: Template, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the REST API's swagger document; with parameters, its conditions are decided by them and the defaults."""
    (api,) = _of_type(template, "AWS::Serverless::Api")
    document: dict[str, Any] = api["Properties"]["DefinitionBody"]
    if parameters is None:
        return document
    defaults = {name: str(one["Default"]) for name, one in template.get("Parameters", {}).items() if "Default" in one}
    values = Values(names={**defaults, **parameters}, conditions=template.get("Conditions", {}))
    decided: dict[str, Any] = values.decide(document)
    return decided


def expiring_tables(template: Template) -> dict[str, str]:
    """Name the TTL attribute of each table that has one, by the table's logical id."""
    return {
        name: resource["Properties"]["TimeToLiveSpecification"]["AttributeName"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
        and resource["Properties"].get("TimeToLiveSpecification", {}).get("Enabled")
    }


def encrypted_buckets(template: Template) -> dict[str, str]:
    """Name the key of each bucket that is encrypted by one of the stack, both by their logical ids."""
    found: dict[str, str] = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::S3::Bucket" and "BucketEncryption" in resource["Properties"]:
            (rule,) = resource["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            found[name] = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"][0]
    return found


def recoverable_tables(template: Template) -> list[str]:
    """Name the tables, by logical id, that have point-in-time recovery."""
    return [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
        and resource["Properties"].get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
    ]
