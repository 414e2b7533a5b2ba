from __future__ import annotations

import copy
from typing import Any

from devtool import template

PACKAGED: dict[str, Any] = {
    "Resources": {
        "RestAPI": {
            "Type": "AWS::Serverless::Api",
            "Properties": {
                "StageName": "api",
                "DefinitionBody": {
                    "info": {"title": "x"},
                    "x-amazon-apigateway-binary-media-types": ["image/png"],
                },
            },
        },
        "Advance": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": "./deployment.zip",
                "Handler": "app.advance",
                "Events": {
                    "Stream": {"Type": "DynamoDB", "Properties": {"BatchSize": 100}},
                    "Queue": {"Type": "SQS", "Properties": {"BatchSize": 10}},
                },
            },
        },
        "WebsocketAPI": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "ws"}},
        "WebsocketAPIDeployment": {"Type": "AWS::ApiGatewayV2::Deployment", "Properties": {}},
        "WebsocketAPIStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "DependsOn": ["WebsocketAPIDeployment", "WebsocketAPI"],
            "Properties": {"DeploymentId": {"Ref": "WebsocketAPIDeployment"}, "StageName": "api"},
        },
        "Direct": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "DependsOn": "WebsocketAPIDeployment",
            "Properties": {"StartingPosition": "LATEST"},
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            },
        },
        "Other": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
        "Closed": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}}
                    ]
                }
            },
        },
        "BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": {}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Policies": [
                    {
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": ["kms:Decrypt"],
                                    "Condition": {"Null": {"kms:EncryptionContext:domain": "false"}},
                                },
                                {
                                    "Effect": "Allow",
                                    "Action": ["dynamodb:GetItem"],
                                    "Condition": {
                                        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["JOB#*"]},
                                        "StringEquals": {"kms:ViaService": "s3"},
                                    },
                                },
                            ]
                        }
                    }
                ]
            },
        },
    }
}


def adapted() -> dict[str, Any]:
    resources: dict[str, Any] = template.adapt(PACKAGED, code_bucket="code", code_key="k.zip")["Resources"]
    return resources


def test_a_policy_that_wants_tls_is_left_away_and_its_bucket_stays() -> None:
    assert {"Bucket", "BucketPolicy"} & set(adapted()) == {"Bucket"}


def test_conditions_on_what_kms_is_told_are_left_away_and_others_stay() -> None:
    (policy,) = adapted()["Role"]["Properties"]["Policies"]

    conditions = [statement.get("Condition") for statement in policy["PolicyDocument"]["Statement"]]
    assert conditions == [None, {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["JOB#*"]}}]


def test_the_keys_of_encrypted_buckets_are_named() -> None:
    assert template.encrypted_buckets(PACKAGED) == {"Closed": "Key"}


def test_the_packaged_template_itself_is_left_alone() -> None:
    before = copy.deepcopy(PACKAGED)

    adapted()

    assert before == PACKAGED


def test_the_websocket_deployment_goes_with_all_that_points_at_it() -> None:
    resources = adapted()

    assert "WebsocketAPIDeployment" not in resources
    assert resources["WebsocketAPIStage"]["Properties"] == {"StageName": "api", "AutoDeploy": True}
    assert resources["WebsocketAPIStage"]["DependsOn"] == ["WebsocketAPI"]
    assert "DependsOn" not in resources["Direct"]


def test_both_apis_are_pinned_to_known_ids() -> None:
    resources = adapted()

    assert resources["WebsocketAPI"]["Properties"]["Tags"] == {"ms-custom-id": "cloakroom-ws"}
    assert resources["RestAPI"]["Properties"]["Tags"] == {"ms-custom-id": "cloakroom"}
    assert resources["RestAPI"]["Properties"]["PropagateTags"] is True


def test_stream_mappings_are_silenced_and_queues_are_not() -> None:
    resources = adapted()
    events = resources["Advance"]["Properties"]["Events"]

    assert events["Stream"]["Properties"] == {"BatchSize": 100, "Enabled": False}
    assert events["Queue"]["Properties"] == {"BatchSize": 10}
    assert resources["Direct"]["Properties"]["Enabled"] is False


def test_each_function_is_told_which_one_it_is() -> None:
    assert adapted()["Advance"]["Properties"]["Environment"] == {"Variables": {"_HANDLER": "app.advance"}}


def test_code_is_loaded_from_the_bucket() -> None:
    assert adapted()["Advance"]["Properties"]["CodeUri"] == {"Bucket": "code", "Key": "k.zip"}


def test_binary_types_become_a_property() -> None:
    assert adapted()["RestAPI"]["Properties"]["BinaryMediaTypes"] == ["image/png"]


def test_stepping_aside_changes_the_id_and_the_document() -> None:
    wanted = template.adapt(PACKAGED, code_bucket="code", code_key="k.zip")

    aside = template.step_aside(wanted)

    assert aside["Resources"]["RestAPI"]["Properties"]["Tags"] == {"ms-custom-id": "cloakroom-aside"}
    assert template.rest_document(aside) != template.rest_document(wanted)
    assert template.rest_document(wanted)["info"] == {"title": "x"}


def test_tables_tell_what_has_to_be_set_after_the_deploy() -> None:
    assert template.expiring_tables(PACKAGED) == {"Table": "ttl"}
    assert template.recoverable_tables(PACKAGED) == ["Table"]


def test_a_number_stands_where_a_number_parameter_is_referred_to_and_text_parameters_stay() -> None:
    scaling = {"MaximumConcurrency": {"Ref": "Workers"}, "Name": {"Ref": "Issuer"}}
    packaged = {
        "Parameters": {"Workers": {"Type": "Number", "Default": 3}, "Issuer": {"Type": "String"}},
        "Resources": {"Direct": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"All": [scaling]}}},
    }

    changed = template.adapt(packaged, code_bucket="code", code_key="k.zip")

    assert changed["Resources"]["Direct"]["Properties"] == {
        "All": [{"MaximumConcurrency": 3, "Name": {"Ref": "Issuer"}}]
    }
    assert changed["Parameters"] == packaged["Parameters"]
