"""`./dev direct`: a project that a plain `chalice deploy` takes, rendered from the one template. It speaks to nobody.

`chalice deploy` makes functions, roles and APIs, but no table, queue or key; its policy files hold literal ARNs; and it
reads the event sources' ARNs from the environment when it imports app.py. So the resources become a stack of their own,
and the project is rendered from that stack's outputs. The WebSocket API's id comes with the first `chalice deploy`.
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from chalicelib.config import NO_USAGE_KEYS
from devtool.errors import DirectFailed
from devtool.intrinsics import Values
from devtool.packaging import MERGE_TEMPLATE
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

STAGE = "direct"
RESOURCES = "resources.json"
# RFC 6761: never resolves. chalicelib.config knows it as an address that is still to come.
NO_ADDRESS_YET = "not-deployed-yet.invalid"

# A plain event source has no on-failure destination.
_UNUSED = ("StreamFailures",)
_OUTPUTS = {
    "TableName": "Table",
    "TableArn": "Table.Arn",
    "StreamArn": "Table.StreamArn",
    "QueueUrl": "WorkQueue",
    "QueueArn": "WorkQueue.Arn",
    "DeadLetterQueueUrl": "WorkDeadLetters",
    "KeyArn": "SecretKey.Arn",
    "ImportsBucket": "Imports",
    "ImportsBucketArn": "Imports.Arn",
}
# One issuer's short form: all three, or none where Issuers has some. Without an issuer nobody would be admitted.
_ONE_ISSUER = ("JwtIssuer", "JwtAudience", "JwksUrl")
_CODE = ("app.py", "requirements.txt", "chalicelib", "vendor")

Json = dict[str, Any]


def render_resources(out: Path) -> Path:
    """Write the template of the table, queues and key into the project's folder; return the file."""
    _claim(out)
    template = _read(PROJECT / MERGE_TEMPLATE)
    defaults = {
        name: str(parameter["Default"]) for name, parameter in template["Parameters"].items() if "Default" in parameter
    }
    values = Values(names=defaults, conditions=template["Conditions"])
    kept = {
        name: values.decide(resource)
        for name, resource in template["Resources"].items()
        if "Type" in resource and name not in _UNUSED and not resource["Type"].startswith("AWS::ApiGateway::")
    }
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What Cloakroom keeps; its functions come by a plain chalice deploy",
        "Resources": kept,
        "Outputs": {name: {"Value": _reference(what)} for name, what in _OUTPUTS.items()},
    }
    return _write(out / RESOURCES, document)


def render_project(out: Path, stack: Path, parameters: dict[str, str]) -> bool:
    """Write the project: code, configuration, policies. `stack` is what `describe-stacks` printed.

    True when the WebSocket API is known; else the project is for the first deploy, and must be rendered again after it.
    What `chalice deploy` remembers (`.chalice/deployed`) is kept.
    """
    template = _read(PROJECT / MERGE_TEMPLATE)
    outputs = _outputs(stack)
    socket = _websocket_api(out)
    given = _parameters(template, parameters)
    if socket is None:
        given |= {
            "WebsocketUrl": f"wss://{NO_ADDRESS_YET}",
            "WebsocketManagementUrl": f"https://{NO_ADDRESS_YET}",
        }
    config = _read(PROJECT / ".chalice" / "config.json")
    names = given | _surroundings(outputs, config["app_name"])
    names |= {what: outputs[name] for name, what in _OUTPUTS.items()}
    if socket is not None:
        names["WebsocketAPI"] = socket
    values = Values(names=names, conditions=template["Conditions"])
    _claim(out)
    _copy_code(out)
    for function, settings in config["lambda_functions"].items():
        policy = _policy(
            _read(PROJECT / ".chalice" / settings["iam_policy_file"]), values, socket_known=socket is not None
        )
        _write(out / ".chalice" / settings["iam_policy_file"], _logging_to(_log_group(names, function), policy))
    ours = {
        "EVENT_FAILURES": "raise",  # nobody reads a partial batch response here
        "USAGE_KEYS": NO_USAGE_KEYS,  # there are no usage plans: routes that wanted a key would refuse everybody
        "STAGE": STAGE,
        "STREAM_ARN": outputs["StreamArn"],
        "QUEUE_ARN": outputs["QueueArn"],
    }
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables = values.resolve({name: value for name, value in variables.items() if name not in ours}) | ours
    _write(out / ".chalice" / "config.json", config | {"stages": {STAGE: {"environment_variables": variables}}})
    return socket is not None


def _claim(out: Path) -> None:
    """Make the folder, or take one that we made; anybody else's is left alone."""
    if out.exists() and not (out / RESOURCES).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise DirectFailed(f"{out} holds something else. Name an empty folder: ./dev direct out/direct")
    (out / ".chalice").mkdir(parents=True, exist_ok=True)


def _copy_code(out: Path) -> None:
    for name in _CODE:
        source, target = PROJECT / name, out / name
        if target.is_dir():
            shutil.rmtree(target)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy2(source, target)


def _policy(policy: Json, values: Values, *, socket_known: bool) -> Json:
    """Resolve a policy, without the statements about what is not there."""
    absent = (*_UNUSED, *(() if socket_known else ("WebsocketAPI",)))
    statements = [
        values.resolve(statement)
        for statement in policy["Statement"]
        if not any(re.search(rf"\b{name}\b", json.dumps(statement["Resource"])) for name in absent)
    ]
    return policy | {"Statement": statements}


def _logging_to(group: str, policy: Json) -> Json:
    """Name the function's own log group: CloudFormation and Chalice name functions differently."""
    statements = [
        statement | {"Resource": [group, f"{group}:*"]} if statement["Action"][0].startswith("logs:") else statement
        for statement in policy["Statement"]
    ]
    return policy | {"Statement": statements}


def _log_group(names: Json, function: str) -> str:
    """Chalice names functions `<app>-<stage>-<name>`, but the API's `<app>-<stage>`."""
    name = "-".join([names["AWS::StackName"], STAGE, *([] if function == "api_handler" else [function])])
    where = ":".join(names[f"AWS::{part}"] for part in ("Region", "AccountId"))
    return f"arn:{names['AWS::Partition']}:logs:{where}:log-group:/aws/lambda/{name}"


def _parameters(template: Json, given: dict[str, str]) -> dict[str, str]:
    known = template["Parameters"]
    strangers = [name for name in given if name not in known]
    if strangers:
        raise DirectFailed(f"there is no parameter {', '.join(strangers)}; there are {', '.join(known)}")
    values = {name: given.get(name, str(known[name].get("Default", ""))) for name in known}
    missing = [name for name, value in values.items() if not value and "Default" not in known[name]]
    if not values["Issuers"] or any(values[name] for name in _ONE_ISSUER):
        missing += [name for name in _ONE_ISSUER if not values[name]]
    if missing:
        words = " ".join(f"{name}=..." for name in missing)
        raise DirectFailed(f"{', '.join(missing)} must be given: --parameter-overrides {words}")
    for name, value in values.items():
        pattern = known[name].get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, value):
            raise DirectFailed(f"{name} is {value!r}; it must match {pattern}")
    return values


def _outputs(stack: Path) -> dict[str, str]:
    described = _read(stack)
    try:
        outputs = {item["OutputKey"]: str(item["OutputValue"]) for item in described["Stacks"][0]["Outputs"]}
    except (KeyError, IndexError, TypeError):
        outputs = {}
    missing = [name for name in _OUTPUTS if name not in outputs]
    if missing:
        raise DirectFailed(
            f"{stack} has no {', '.join(missing)}. Write it anew: "
            f"aws cloudformation describe-stacks --stack-name cloakroom-resources > {stack}"
        )
    return outputs


def _surroundings(outputs: dict[str, str], app: str) -> dict[str, str]:
    """Read partition, region and account from the table's ARN; the application's name stands for the stack's."""
    _, partition, _, region, account, _ = outputs["TableArn"].split(":", 5)
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::URLSuffix": suffix,
        "AWS::StackName": app,
    }


def _websocket_api(out: Path) -> str | None:
    """Return the WebSocket API's id from what `chalice deploy` has written down."""
    deployed = out / ".chalice" / "deployed" / f"{STAGE}.json"
    if not deployed.is_file():
        return None
    resources = _read(deployed).get("resources", [])
    return next((item["websocket_api_id"] for item in resources if "websocket_api_id" in item), None)


def _reference(what: str) -> Json:
    resource, _, attribute = what.partition(".")
    return {"Fn::GetAtt": [resource, attribute]} if attribute else {"Ref": resource}


def _read(file: Path) -> Json:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DirectFailed(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DirectFailed(f"{file} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise DirectFailed(f"{file} holds no JSON object")
    return document


def _write(file: Path, document: Json) -> Path:
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return file
