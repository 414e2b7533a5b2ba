"""The project for a plain `chalice deploy`: literal where Chalice wants it literal, and clear where something lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.config import SETTINGS, read_settings
from chalicelib.errors import NoSocketYet
from devtool import direct
from devtool.cli import main
from devtool.errors import DirectFailed
from devtool.intrinsics import Unknown, Values
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t"
LOG_GROUPS = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/cloakroom-direct"
OUTPUTS = {
    "TableName": "t",
    "TableArn": TABLE,
    "StreamArn": f"{TABLE}/stream/s",
    "QueueUrl": "https://sqs.example/123456789012/q",
    "QueueArn": "arn:aws-cn:sqs:cn-north-1:123456789012:q",
    "DeadLetterQueueUrl": "https://sqs.example/123456789012/dead",
    "ImportsBucket": "b",
    "ImportsBucketArn": "arn:aws-cn:s3:::b",
    "KeyArn": "arn:aws-cn:kms:cn-north-1:123456789012:key/k",
}
PARAMETERS = {
    "JwtIssuer": "https://issuer.example/",
    "JwtAudience": "cloakroom",
    "JwksUrl": "https://issuer.example/jwks.json",
}


def described(folder: Path, outputs: dict[str, str]) -> Path:
    file = folder / "stack.json"
    items = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    file.write_text(json.dumps({"Stacks": [{"Outputs": items}]}))
    return file


def variables(out: Path) -> dict[str, str]:
    config = json.loads((out / ".chalice" / "config.json").read_text())
    found: dict[str, str] = config["stages"]["direct"]["environment_variables"]
    return found


def policies(out: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in (out / ".chalice").glob("policy-*.json")}


def deployed(out: Path, websocket_api: str) -> None:
    record = out / ".chalice" / "deployed" / "direct.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"resources": [{"name": "rest_api"}, {"websocket_api_id": websocket_api}]}))


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return described(tmp_path, OUTPUTS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    direct.render_resources(tmp_path / "out")
    return tmp_path / "out"


def test_the_resources_are_those_of_the_template_without_what_a_plain_deploy_cannot_use(out: Path) -> None:
    template = json.loads((out / "resources.json").read_text())

    assert set(template["Resources"]) == {
        "Table",
        "SecretKey",
        "WorkQueue",
        "WorkDeadLetters",
        "Imports",
        "ImportsPolicy",
    }
    assert template["Resources"]["Table"]["Properties"]["DeletionProtectionEnabled"] is True
    assert template["Resources"]["Table"]["DeletionPolicy"] == "Retain"
    assert template["Outputs"]["StreamArn"] == {"Value": {"Fn::GetAtt": ["Table", "StreamArn"]}}
    assert "Fn::If" not in json.dumps(template)


def test_the_first_project_has_every_setting_and_no_socket_yet(out: Path, stack: Path) -> None:
    complete = direct.render_project(out, stack, PARAMETERS)

    settings = read_settings(variables(out))
    assert not complete
    assert set(variables(out)) == {*SETTINGS, "STREAM_ARN", "QUEUE_ARN"}
    assert (settings.event_failures, settings.stage, settings.table_name) == ("raise", "direct", "t")
    assert variables(out)["STREAM_ARN"] == f"{TABLE}/stream/s"
    with pytest.raises(NoSocketYet):
        assert settings.socket


def test_no_policy_holds_anything_but_literal_arns_and_each_function_keeps_its_own(out: Path, stack: Path) -> None:
    direct.render_project(out, stack, PARAMETERS)

    text = json.dumps(policies(out))
    assert not [word for word in ("Fn::", '"Ref"', "${", "ManageConnections", "StreamFailures") if word in text]
    assert set(policies(out)) == {path.stem for path in (PROJECT / ".chalice").glob("policy-*.json")}
    assert policies(out)["policy-authorize"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [f"{LOG_GROUPS}-authorize", f"{LOG_GROUPS}-authorize:*"],
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:BatchGetItem"],
            "Resource": TABLE,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["POLICIES"]}},
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem"],
            "Resource": TABLE,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ACCESS", "CACHE"]}},
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:Query"],
            "Resource": TABLE,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ACCESS"]}},
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:PutItem"],
            "Resource": TABLE,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["CACHE"]}},
        },
    ]


def test_each_function_logs_to_its_own_group_under_chalices_names(out: Path, stack: Path) -> None:
    direct.render_project(out, stack, PARAMETERS)

    groups = {name: policy["Statement"][0]["Resource"] for name, policy in policies(out).items()}
    assert groups["policy-api"] == [LOG_GROUPS, f"{LOG_GROUPS}:*"]
    assert groups["policy-refresh-due"] == [f"{LOG_GROUPS}-refresh_due", f"{LOG_GROUPS}-refresh_due:*"]
    assert len({group for group, _ in groups.values()}) == len(groups)


def test_a_key_is_asked_under_our_context_or_by_s3_for_our_bucket(out: Path, stack: Path) -> None:
    direct.render_project(out, stack, PARAMETERS)

    (by_s3,) = [
        statement["Condition"]["StringEquals"]
        for statement in policies(out)["policy-work"]["Statement"]
        if "StringEquals" in statement.get("Condition", {})
    ]
    assert by_s3 == {
        "kms:ViaService": "s3.cn-north-1.amazonaws.com.cn",
        "kms:EncryptionContext:aws:s3:arn": "arn:aws-cn:s3:::b",
    }


def test_after_the_first_deploy_the_socket_is_named_and_may_be_posted_to(out: Path, stack: Path) -> None:
    direct.render_project(out, stack, PARAMETERS)
    deployed(out, "ws123")

    assert direct.render_project(out, stack, PARAMETERS)

    assert variables(out)["WEBSOCKET_URL"] == "wss://ws123.execute-api.cn-north-1.amazonaws.com.cn/api"
    (posting,) = [
        statement["Resource"]
        for statement in policies(out)["policy-notify"]["Statement"]
        if statement["Action"] == ["execute-api:ManageConnections"]
    ]
    assert posting == [
        "arn:aws-cn:execute-api:cn-north-1:123456789012:ws123/api/POST/@connections/*",
        "arn:aws-cn:execute-api:cn-north-1:123456789012:ws123/api/DELETE/@connections/*",
    ]
    assert (out / ".chalice" / "deployed" / "direct.json").is_file()


def test_the_code_is_the_projects_and_nothing_stays_of_an_earlier_one(out: Path, stack: Path) -> None:
    (out / "chalicelib").mkdir()
    (out / "chalicelib" / "of_yesterday.py").write_text("")

    direct.render_project(out, stack, PARAMETERS)

    assert (out / "app.py").read_bytes() == (PROJECT / "app.py").read_bytes()
    assert (out / "chalicelib" / "model" / "job.py").is_file()
    assert not (out / "chalicelib" / "of_yesterday.py").exists()
    assert not (out / "devtool").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "JwtIssuer, JwtAudience, JwksUrl must be given: --parameter-overrides JwtIssuer=... JwtAudience=..."),
        ({**PARAMETERS, "JwtIsuer": "x"}, "there is no parameter JwtIsuer; there are JwtIssuer, JwtAudience"),
        ({**PARAMETERS, "JwksUrl": "issuer.example"}, "JwksUrl is 'issuer.example'; it must match (https?://.+)?"),
    ],
)
def test_a_parameter_that_is_missing_unknown_or_wrong_is_named(
    out: Path, stack: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(DirectFailed) as raised:
        direct.render_project(out, stack, given)

    assert said in str(raised.value)


def test_another_stacks_outputs_are_refused_with_what_to_type(out: Path, tmp_path: Path) -> None:
    stranger = described(tmp_path, {"TableName": "t"})

    with pytest.raises(DirectFailed, match=r"has no TableArn, StreamArn.*describe-stacks --stack-name cloakroom-res"):
        direct.render_project(out, stranger, PARAMETERS)


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(DirectFailed, match=r"holds something else\. Name an empty folder: \./dev direct out/direct"):
        direct.render_resources(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_file_that_is_no_description_of_a_stack_is_named(tmp_path: Path, out: Path, content: str | None) -> None:
    file = tmp_path / "odd.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(DirectFailed, match=r"odd\.json"):
        direct.render_project(out, file, PARAMETERS)


@pytest.mark.parametrize("value", [{"Ref": "Nobody"}, {"Fn::Sub": "a ${Nobody.Arn}"}, {"Fn::Join": ["", []]}])
def test_what_has_no_value_is_an_error_and_never_an_empty_text(value: object) -> None:
    with pytest.raises(Unknown, match=r"Nobody|Fn::Join"):
        Values(names={}, conditions={}).resolve(value)


def test_the_commands_say_what_to_type_next(tmp_path: Path, stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new"
    overrides = [f"{name}={value}" for name, value in PARAMETERS.items()]

    assert main(["direct", str(out)]) == 0
    assert main(["direct", str(out), "--stack", str(stack), "--parameter-overrides", *overrides]) == 0
    assert main(["direct", str(out), "--parameter-overrides", *overrides]) == 1

    said = capsys.readouterr()
    assert f"chalice --project-dir {out} deploy --stage direct" in said.out
    assert "after that deploy, run this command and the deploy once more" in said.out
    assert said.err == "dev: --parameter-overrides are the project's: give --stack FILE with them\n"
