"""What the code takes for granted of the stack, held against the template."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from chalice.app import ScheduledEventConfig, SQSEventConfig

from app import app
from chalicelib.admit.issuers import SETTING_BYTES, read_issuers, short_form
from chalicelib.config import SETTINGS, STREAM_ARN_AT_IMPORT
from chalicelib.model.clock import SECOND, SWEEP_PERIOD, SWEEP_RUN
from chalicelib.model.job import LEASE, Status
from chalicelib.store.attributes import to_attributes
from chalicelib.store.connections import watch_attributes
from chalicelib.store.items import current_to_item, deposit_to_item, job_from_item, job_to_item
from chalicelib.store.open_jobs import INDEX
from devtool.pump.filters import check, passes
from tests.chalicelib.examples import NOW, a_connection, a_deposit, a_job, a_token
from tests.guards.project import CONFIG, README, TEMPLATE, VARIABLES, event_source

SOURCES = ("Advance", "Notify", "Work")


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_in_the_readme_and_in_the_stack(setting: str) -> None:
    by_stage = [set(stage["environment_variables"]) for stage in CONFIG["stages"].values()]

    assert f"`{setting}`" in README
    assert setting in VARIABLES or all(setting in names for names in by_stage)


def test_the_stack_sets_nothing_that_the_service_does_not_know() -> None:
    assert set(VARIABLES) <= set(SETTINGS)


def test_every_parameter_of_the_stack_is_in_the_readme() -> None:
    assert not [name for name in TEMPLATE["Parameters"] if f"`{name}`" not in README]


def test_the_readmes_issuers_are_read_also_beside_the_short_form() -> None:
    (listed,) = re.findall(r"```json\n(\[.*?\])\n```", README, re.DOTALL)
    line = json.dumps(json.loads(listed), separators=(",", ":"))
    short = short_form(issuer="https://i.example/", audience="a", jwks_url="https://i.example/j", groups_claim="groups")

    auth0, cognito, keycloak = read_issuers(line)

    assert auth0.discovery_url == "https://you.eu.auth0.com/.well-known/openid-configuration"
    assert cognito.discovery_url.endswith("/eu-central-1_EXAMPLE/.well-known/openid-configuration")
    assert keycloak.discovery_url == "https://keycloak.example.com/realms/shop/.well-known/openid-configuration"
    assert len(read_issuers(json.dumps(json.loads(listed)[1:]), short)) == 3


def test_no_list_of_issuers_is_deployed_that_would_not_be_read_for_its_size() -> None:
    assert TEMPLATE["Parameters"]["Issuers"]["MaxLength"] == SETTING_BYTES


def test_failures_are_reported_exactly_where_all_event_sources_listen() -> None:
    listening = [event_source(name).get("FunctionResponseTypes") == ["ReportBatchItemFailures"] for name in SOURCES]

    assert len(set(listening)) == 1
    assert VARIABLES["EVENT_FAILURES"] == ("report" if all(listening) else "raise")


def test_no_function_says_otherwise_than_all_about_failures() -> None:
    for name in SOURCES:
        own = TEMPLATE["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {})
        assert "EVENT_FAILURES" not in own
    for part in (CONFIG, *CONFIG["stages"].values(), *CONFIG["lambda_functions"].values()):
        assert "EVENT_FAILURES" not in part.get("environment_variables", {})


@pytest.mark.parametrize("name", ["Advance", "Notify"])
def test_a_stream_never_waits_for_ever_on_a_bad_record_and_lets_none_go_unseen(name: str) -> None:
    source = event_source(name)

    assert source["BisectBatchOnFunctionError"] is True
    assert 0 < source["MaximumRetryAttempts"] < 100
    assert 0 < source["MaximumRecordAgeInSeconds"] <= 86_400
    assert source["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_a_message_stays_invisible_six_times_as_long_as_its_worker_may_take() -> None:
    """AWS's rule: Lambda retries throttled invokes inside that time."""
    visible_after = TEMPLATE["Resources"]["WorkQueue"]["Properties"]["VisibilityTimeout"]

    assert visible_after >= 6 * CONFIG["lambda_functions"]["work"]["lambda_timeout"]


def test_a_message_that_fails_again_and_again_is_set_aside() -> None:
    redrive = TEMPLATE["Resources"]["WorkQueue"]["Properties"]["RedrivePolicy"]

    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": ["WorkDeadLetters", "Arn"]}, "maxReceiveCount": 5}


def test_a_worker_takes_one_message_so_that_the_cap_on_workers_is_the_cap_on_jobs_at_work() -> None:
    """A batch of ten, in threads, would be 30 calls to somebody else at once where the setting says 3."""
    (work,) = [source for source in app.event_sources if isinstance(source, SQSEventConfig)]
    (workers,) = [parameter for name, parameter in TEMPLATE["Parameters"].items() if name == "Workers"]

    assert work.batch_size == 1
    assert event_source("Work")["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "Workers"}}
    assert TEMPLATE["Resources"]["Work"]["Properties"]["ReservedConcurrentExecutions"] == {"Ref": "Workers"}
    assert work.maximum_concurrency == workers["Default"] == 3


def test_a_claim_outlasts_its_worker_and_the_sweep_outlasts_its_run() -> None:
    functions = CONFIG["lambda_functions"]

    assert functions["work"]["lambda_timeout"] * SECOND < LEASE
    assert SWEEP_RUN + 10 * SECOND <= functions["sweep"]["lambda_timeout"] * SECOND <= SWEEP_PERIOD


def test_the_sweep_runs_as_often_as_its_bounds_take_for_granted() -> None:
    schedules = [source for source in app.event_sources if isinstance(source, ScheduledEventConfig)]

    assert {schedule.name: schedule.schedule_expression for schedule in schedules} == {
        "sweep": "rate(1 minute)",
        "refresh_due": "rate(1 minute)",
    }
    assert SWEEP_PERIOD == 60 * SECOND


def test_an_answer_is_given_before_the_gateway_gives_up() -> None:
    assert CONFIG["lambda_functions"]["api_handler"]["lambda_timeout"] < 29


def record(item: dict[str, object], *, event: str = "INSERT") -> dict[str, Any]:
    image = json.loads(json.dumps(to_attributes(item), default=lambda content: base64.b64encode(content).decode()))
    return {"eventName": event, "dynamodb": {"NewImage": image}}


JOINED = {**watch_attributes(a_connection().watch), "kind": "watch", "connection": "c", "since": NOW}
ENDED = job_to_item(a_job(status=Status.SUCCEEDED), ttl=1)


@pytest.mark.parametrize(
    ("brought", "advance", "notify"),
    [
        (record(deposit_to_item(a_deposit())), True, True),
        (record(job_to_item(a_job(), ttl=1), event="MODIFY"), True, True),
        (record(ENDED, event="MODIFY"), False, True),
        (record(JOINED), False, True),
        (record(JOINED, event="MODIFY"), False, False),
        (record(current_to_item(a_token())), False, False),
        (record({"kind": "ticket"}), False, False),
        (record({"kind": "provider"}), False, False),
        ({"eventName": "REMOVE", "dynamodb": {"OldImage": {"kind": {"S": "job"}}}}, False, False),
    ],
)
def test_each_consumer_is_brought_what_it_waits_for(
    brought: dict[str, Any],
    advance: bool,  # noqa: FBT001
    notify: bool,  # noqa: FBT001
) -> None:
    def patterns(name: str) -> list[Any]:
        filters = event_source(name)["FilterCriteria"]["Filters"]
        return [check(json.loads(one["Pattern"])) for one in filters]

    assert passes(brought, patterns("Advance")) is advance
    assert passes(brought, patterns("Notify")) is notify


def test_a_row_of_the_open_jobs_index_is_enough_for_a_job() -> None:
    properties = TEMPLATE["Resources"]["Table"]["Properties"]
    (index,) = (one for one in properties["GlobalSecondaryIndexes"] if one["IndexName"] == INDEX)
    keys = {part["AttributeName"] for part in properties["KeySchema"] + index["KeySchema"]}
    projected = keys | set(index["Projection"]["NonKeyAttributes"])
    job = a_job(status=Status.IN_PROGRESS, attempts=3, rev=7)
    item = {name: value for name, value in job_to_item(job, ttl=1).items() if value is not None}

    assert job_from_item({name: item[name] for name in projected if name in item}) == job


def test_what_a_plain_import_takes_for_the_stream_is_no_real_one() -> None:
    assert ":000000000000:table/x/" in STREAM_ARN_AT_IMPORT
