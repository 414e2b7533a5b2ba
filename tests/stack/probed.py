"""Which probe each right of each function has; and which cannot be tried here, and why. Add to it with each right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stack import probes as by_request
from tests.stack import probes_administering as administering
from tests.stack import probes_behind as behind
from tests.stack import probes_sockets as sockets
from tests.stack.probes import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.rights.files import Right
    from tests.stack.bench import Bench

TABLE = "Table.Arn"
INDEX = "${Table.Arn}/index/"
FILES = "${Imports.Arn}/imports/*"
SECRETS = "SecretKey.Arn"
QUEUE = "WorkQueue.Arn"
_SOCKET = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebsocketAPI}/api/%s/@connections/*"
PUSHES = _SOCKET % "POST"
HANG_UPS = _SOCKET % "DELETE"

UNTRIED: Mapping[str, str] = {
    "logs:CreateLogGroup": "the local cloud writes a function's log by itself",
    "logs:CreateLogStream": "the same",
    "logs:PutLogEvents": "the same",
    "dynamodb:DescribeStream": "the local cloud's pump polls streams by itself, not with the function's role",
    "dynamodb:GetRecords": "the same",
    "dynamodb:GetShardIterator": "the same",
    "dynamodb:ListStreams": "the same",
    "sqs:ReceiveMessage": "the local cloud polls queues by itself",
    "sqs:DeleteMessage": "the same",
    "sqs:GetQueueAttributes": "the same",
    "sqs:ChangeMessageVisibility": "the same",
    "s3:ListBucket": "the local cloud answers 404 for a file that is not there with this right or without it",
}
"""Actions that only Lambda itself uses, or that the local cloud does not check."""

UNTRIED_HERE: Mapping[tuple[str, Right], str] = {
    ("advance", ("sqs:SendMessage", "StreamFailures.Arn")): "the pump sends what it gives up by itself",
    ("notify", ("sqs:SendMessage", "StreamFailures.Arn")): "the same",
}

PROBES: Mapping[str, Mapping[Right, Probe]] = {
    "api_handler": {
        ("dynamodb:PutItem", TABLE): Probe(by_request.accept, 202, 503),
        ("dynamodb:GetItem", TABLE): Probe(by_request.show, 200, 503),
        ("dynamodb:BatchGetItem", TABLE): Probe(by_request.jobs_of_a_subject, 200, 503),
        ("dynamodb:Query", TABLE): Probe(by_request.list_tokens, 200, 503),
        ("dynamodb:Query", INDEX + "jobs-of-subject"): Probe(by_request.jobs("?subject=nobody"), 200, 503),
        ("dynamodb:Query", INDEX + "jobs-of-type"): Probe(by_request.jobs(""), 200, 503),
        ("dynamodb:Query", INDEX + "unsuccessful-jobs"): Probe(by_request.jobs("?status=FAILED"), 200, 503),
        ("dynamodb:Query", INDEX + "open-jobs"): Probe(by_request.jobs("?status=PENDING"), 200, 503),
        ("dynamodb:Query", INDEX + "audit-of-subject"): Probe(administering.audit("?subject=nobody"), 200, 503),
        ("dynamodb:Query", INDEX + "audit-of-principal"): Probe(administering.audit("?principal=nobody"), 200, 503),
        ("dynamodb:UpdateItem", TABLE): Probe(by_request.delete, 202, 503),
        ("dynamodb:DeleteItem", TABLE): Probe(by_request.delete_provider, 200, 503),
        ("kms:GenerateDataKey", SECRETS): Probe(by_request.accept_in_a_new_domain, 202, 503),
        ("kms:Decrypt", SECRETS): Probe(by_request.accept_in_a_new_process, 202, 503),
        ("s3:PutObject", FILES): Probe(by_request.import_lines, 202, 503),
        ("s3:GetObject", FILES): Probe(by_request.import_a_file, 202, 503),
        ("s3:DeleteObject", FILES): Probe(by_request.import_again, "forgotten", "left"),
    },
    "authorize": {
        ("dynamodb:BatchGetItem", TABLE): Probe(by_request.admit, 404, 403),
        ("dynamodb:GetItem", TABLE): Probe(by_request.admit_in_a_new_process, 404, 403),
        ("dynamodb:Query", TABLE): Probe(by_request.admit_in_a_new_process, 404, 403),
        ("dynamodb:PutItem", TABLE): Probe(by_request.admit_by_keys_to_be_shared, "kept", "not kept"),
    },
    "advance": {
        ("dynamodb:UpdateItem", TABLE): Probe(behind.settle, "SUCCEEDED", "open"),
        ("dynamodb:PutItem", TABLE): Probe(behind.settle, "SUCCEEDED", "open"),
        ("dynamodb:GetItem", TABLE): Probe(behind.settle_what_is_refreshed, "SUCCEEDED", "open"),
        ("sqs:SendMessage", QUEUE): Probe(behind.queue_a_deletion, "SUCCEEDED", "open"),
    },
    "notify": {
        ("dynamodb:Query", TABLE): Probe(sockets.push, "job.updated", "nothing"),
        ("dynamodb:GetItem", TABLE): Probe(sockets.greet_who_watches_a_job, "snapshot", "nothing"),
        ("dynamodb:DeleteItem", TABLE): Probe(sockets.forget_who_is_gone, "forgotten", "kept"),
        ("dynamodb:UpdateItem", TABLE): Probe(behind.set_aside("notify"), 0, 1),
        ("dynamodb:Query", INDEX + "open-jobs"): Probe(sockets.greet, "snapshot", "nothing"),
        ("execute-api:ManageConnections", PUSHES): Probe(sockets.greet, "snapshot", "nothing"),
        ("execute-api:ManageConnections", HANG_UPS): Probe(sockets.hang_up, "closed", "open"),
    },
    "work": {
        ("dynamodb:GetItem", TABLE): Probe(behind.erase, "SUCCEEDED", "open"),
        ("dynamodb:UpdateItem", TABLE): Probe(behind.erase, "SUCCEEDED", "open"),
        ("dynamodb:PutItem", TABLE): Probe(behind.import_tokens, "SUCCEEDED", "open"),
        ("dynamodb:Query", TABLE): Probe(behind.import_tokens, "SUCCEEDED", "open"),
        ("dynamodb:DeleteItem", TABLE): Probe(behind.refresh, "given up", "held"),
        ("dynamodb:Scan", TABLE): Probe(behind.reseal, "SUCCEEDED", "open"),
        ("kms:GenerateDataKey", SECRETS): Probe(behind.import_tokens, "SUCCEEDED", "open"),
        ("kms:Decrypt", SECRETS): Probe(behind.erase, "SUCCEEDED", "open"),
        ("sqs:SendMessage", QUEUE): Probe(behind.try_later, "queued", "not queued"),
        ("s3:GetObject", FILES): Probe(behind.import_tokens, "SUCCEEDED", "open"),
        ("s3:DeleteObject", FILES): Probe(behind.forget_the_file, "forgotten", "left"),
    },
    "sweep": {
        ("dynamodb:Query", INDEX + "open-jobs"): Probe(behind.sweep, "sent", "failed"),
        ("dynamodb:UpdateItem", TABLE): Probe(behind.sweep, "sent", "failed"),
        ("dynamodb:PutItem", TABLE): Probe(behind.sweep_up, "FAILED", "failed"),
        ("sqs:SendMessage", QUEUE): Probe(behind.sweep, "sent", "failed"),
    },
    "refresh_due": {
        ("dynamodb:Query", INDEX + "refresh-due"): Probe(behind.refresh_what_is_due, "begun", "not begun"),
        ("dynamodb:GetItem", TABLE): Probe(behind.refresh_what_is_due, "begun", "not begun"),
        ("dynamodb:UpdateItem", TABLE): Probe(behind.take_off_the_schedule, "dropped", "kept"),
        ("dynamodb:PutItem", TABLE): Probe(behind.refresh_what_is_due, "begun", "not begun"),
    },
    "websocket_connect": {
        ("dynamodb:GetItem", TABLE): Probe(sockets.shake_hands_in_a_new_process, 101, 400),
        ("dynamodb:Query", TABLE): Probe(sockets.shake_hands_in_a_new_process, 101, 400),
        ("dynamodb:DeleteItem", TABLE): Probe(sockets.shake_hands, 101, 400),
        ("dynamodb:PutItem", TABLE): Probe(sockets.shake_hands, 101, 400),
    },
    "websocket_message": {
        ("dynamodb:GetItem", TABLE): Probe(sockets.ask_for_a_snapshot, "snapshot", "nothing"),
        ("dynamodb:Query", INDEX + "open-jobs"): Probe(sockets.ask_for_a_snapshot, "snapshot", "nothing"),
        ("dynamodb:Query", TABLE): Probe(sockets.ask_in_a_new_process, "snapshot", "nothing"),
        ("dynamodb:DeleteItem", TABLE): Probe(sockets.forget_who_asks_beyond_the_end, "forgotten", "kept"),
        ("execute-api:ManageConnections", PUSHES): Probe(sockets.ask_for_a_snapshot, "snapshot", "nothing"),
        ("execute-api:ManageConnections", HANG_UPS): Probe(sockets.ask_beyond_the_end, "closed", "open"),
    },
    "websocket_disconnect": {
        ("dynamodb:GetItem", TABLE): Probe(sockets.leave, "forgotten", "kept"),
        ("dynamodb:DeleteItem", TABLE): Probe(sockets.leave, "forgotten", "kept"),
    },
}

ALSO: Mapping[Callable[[Bench], object], object] = {
    by_request.collect_by_place: 200,
    by_request.collect_in_a_new_process: 200,
    by_request.list_providers: 200,
    by_request.list_refusals: 200,
    by_request.health: 200,
    by_request.ticket: 201,
    by_request.delete_current: 202,
    by_request.admit_by_the_shared_keys: "shared",
    administering.write_policies: [200, 200, 200, 200],
    administering.ask_after_a_policy_has_changed: 201,
    administering.revoke_and_lift: [201, 201, 200, 200],
    administering.audit(""): 200,
    administering.reconcile: 200,
    administering.explain_a_bearer: 200,
    administering.delete_what_no_place_shows: 202,
    administering.publish_a_key_from_before_receipts: 200,
    behind.set_aside("advance"): 0,
    behind.set_aside("work"): 0,
    behind.replace_and_revoke: "SUCCEEDED",
    behind.refresh_on_another_day: "SUCCEEDED",
    sockets.ask_for_a_snapshot_of_a_job: "snapshot",
    behind.import_with_refusals: "SUCCEEDED",
    behind.do_a_settling_that_the_stream_lost: "SUCCEEDED",
    behind.reseal_credentials: "SUCCEEDED",
}
"""What no right by itself depends on, and what goes to partitions that the above leave out; with what it returns."""
