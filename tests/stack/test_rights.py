"""Each right of each deployed function is needed: without it something that can be seen breaks. And each is as narrow
as it can be: the local cloud enforces actions and resources, and what it does not model (the leading key, KMS's
encryption context) is decided here about the requests that were recorded on the wire.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from devtool.testing import live_cloud, wait_for
from tests.rights.evaluate import Asked, allows, like
from tests.rights.files import FUNCTIONS, partitions, rights, statements, without
from tests.rights.requests import under, with_keys
from tests.stack.bench import PATIENCE, Bench, bench_of
from tests.stack.probed import ALSO, PROBES, UNTRIED, UNTRIED_HERE
from tests.stack.recorded import FETCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rights.files import Right
    from tests.stack.recorded import Seen

TRIED = [(function, right) for function, probes in PROBES.items() for right in probes]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A cloud of its own: what is tried here rotates keys and leaves jobs behind."""
    with live_cloud() as cloud, bench_of(cloud) as made:
        yield made


@contextmanager
def removed(bench: Bench, function: str, right: Right) -> Iterator[None]:
    """Take one right from a function's role meanwhile."""
    iam, functions = bench.cloud.client("iam"), bench.cloud.client("lambda")
    configuration = functions.get_function_configuration(FunctionName=bench.cloud.function_name(function))
    role = configuration["Role"].rpartition("/")[2]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    granted: dict[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = without(function, right, granted)
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    bench.removed = function, right
    try:
        yield
    finally:
        bench.removed = None
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(granted))


def test_every_right_has_a_probe_or_a_reason_why_not() -> None:
    granted = {(function, right) for function in FUNCTIONS for right in rights(function)}
    tried = {(function, right) for function, right in granted if right[0] not in UNTRIED} - set(UNTRIED_HERE)

    missing = sorted(tried - set(TRIED))
    assert not missing, f"say in tests/stack/probed.py what breaks without: {missing}"
    assert set(TRIED) == tried, "probes of rights that no policy grants"
    assert set(UNTRIED_HERE) <= granted


@pytest.mark.parametrize(
    ("function", "right"), TRIED, ids=lambda part: part if isinstance(part, str) else " ".join(part)
)
def test_without_a_right_something_breaks(bench: Bench, function: str, right: Right) -> None:
    probe = PROBES[function][right]

    bench.mark = bench.record.mark()
    with removed(bench, function, right):
        without_it = probe.act(bench)
        wait_for(bench.is_refused, PATIENCE)
    bench.mark = bench.record.mark()
    with_it = probe.act(bench)

    wait_for(lambda: False in bench.asked(function, right), PATIENCE)
    assert (without_it, with_it) == (probe.breaks, probe.works)


@pytest.fixture(scope="module")
def toured(bench: Bench) -> Bench:
    """Have every probe act with all rights, so that all that functions ask for is on record."""
    acts = {probe.act: probe.works for probes in PROBES.values() for probe in probes.values()} | dict(ALSO)
    for act, works in acts.items():
        bench.mark = bench.record.mark()
        assert act(bench) == works, act.__qualname__
    assert bench.cloud.settle()
    return bench


def as_iam_sees(seen: Seen) -> Asked:
    if seen.action.startswith("kms:"):
        return under(seen.action, seen.encryption_context)
    return with_keys(seen.action, seen.resource, seen.keys)


def on_its_account(seen: Seen) -> list[Asked]:
    """Return what S3 asks KMS for in a function's name: the bucket encrypts, under a key of its own.

    Amazon S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys": the context is the bucket's ARN.
    """
    context = {
        "kms:ViaService": ["s3.${AWS::Region}.${AWS::URLSuffix}"],
        "kms:EncryptionContextKeys": ["aws:s3:arn"],
        "kms:EncryptionContext:aws:s3:arn": ["Imports.Arn"],
    }
    actions = {"s3:PutObject": ("kms:GenerateDataKey", "kms:Decrypt"), "s3:GetObject": ("kms:Decrypt",)}
    wanted = () if seen.method == "HEAD" else actions.get(seen.action, ())
    return [Asked(action=action, resource="SecretKey.Arn", context=context) for action in wanted]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_all_that_a_function_asked_for_is_allowed(toured: Bench, function: str) -> None:
    policy = statements(function)
    recorded = [one for one in toured.record.since(0, function) if one.action != FETCH]

    wanted = [one for seen in recorded for one in (as_iam_sees(seen), *on_its_account(seen))]
    assert recorded
    assert [one for one in wanted if not allows(policy, one)] == []


def test_each_partition_that_a_function_may_touch_is_one_that_it_touches(toured: Bench) -> None:
    seen = {(one.function, one.action, key) for one in toured.record.since(0) for key in one.keys}

    unused = [
        (pattern, action, function)
        for pattern, action, function in partitions()
        if not any(of == function and did == action and like(key, pattern) for of, did, key in seen)
    ]
    assert unused == [], "take these from the policy files, or add a probe to ALSO in tests/stack/probed.py"
