"""Requests by chance from openapi.json, one by one and in sequences along its links, with what must hold of answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.engine.errors import is_inconsistent_replay

from chalicelib.web.requests import NDJSON
from tests.stack import contract
from tests.stack.contract import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemathesis import CheckContext, Response
    from schemathesis.generation.case import Case
    from schemathesis.generation.stateful.state_machine import APIStateMachine
    from schemathesis.specs.openapi.schemas import OpenApiSchema

UNAVAILABLE = 503
"""The one answer of a broken service that the document has: the table or KMS does not answer, come again."""

REFUSED = [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 431]
"""What may be said of a request that breaks the document's rules: never 2xx."""

CONFIGURED = {
    # Bearers are tried by tests/stack/attacks: here every request comes from an administrator.
    "generation": {"with-security-parameters": False},
    "checks": {"negative_data_rejection": {"expected-statuses": REFUSED}},
}

NOWHERE = "https://127.0.0.1:1/token"
"""Where nobody listens: no test of ours calls outsiders by chance."""


def no_fault(ctx: CheckContext, response: Response, case: Case) -> None:
    """Hold that the service did not fail, but for the one answer that says so on purpose."""
    if response.status_code >= 500 and response.status_code != UNAVAILABLE:
        raise Failure(operation=case.operation.label, title="Server error", message=response.text[:500])


def as_documented(ctx: CheckContext, response: Response, case: Case) -> None:
    """Hold what tests/stack/contract.py holds of every other test's answers, its formats among it."""
    headers = {name: values[0] for name, values in response.headers.items()}
    try:
        contract.check(case.method.upper(), case.formatted_path, response.status_code, headers, response.content)
    except AssertionError as fault:
        raise Failure(operation=case.operation.label, title="Not as documented", message=str(fault)) from None


load_all_checks()
EACH: list[Callable[..., Any]] = [
    no_fault,
    as_documented,
    *CHECKS.get_by_names(
        [
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
            "negative_data_rejection",
        ]
    ),
]
ALONG: list[Callable[..., Any]] = [*EACH, *CHECKS.get_by_names(["use_after_free", "ensure_resource_availability"])]
"""And what was deleted is gone, what was made is there."""


@schemathesis.serializer(NDJSON)
def lines(_: Any, value: Any) -> bytes:
    """Send lines as they were made up."""
    return str(value).encode("utf-8", "replace")


def of(case: Case, checks: list[Callable[..., Any]]) -> list[Callable[..., Any]]:
    """Leave out what cannot hold.

    No text is wrong as a body of lines, for each line is refused by itself. A deleted token's record stays to be seen,
    as REVOKED; its secret is gone (tests/stack/test_flow.py).
    """
    left = {"negative_data_rejection"} if case.media_type == NDJSON else set()
    left |= {"use_after_free"} if case.operation.path == "/tokens/{token_id}" else set()
    return [one for one in checks if one.__name__ not in left]


def bounded(examples: int, steps: int = 1) -> hypothesis.settings:
    """Make up the same each time, and shrink nothing: what the service was sent it keeps."""
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def operations() -> dict[str, tuple[str, bool]]:
    """Return each operation's path, and whether it takes anything that could be wrong."""
    found = {}
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                takes = bool(item.get("parameters") or operation.get("parameters") or "requestBody" in operation)
                found[operation["operationId"]] = (path, takes)
    return found


@dataclass(kw_only=True)
class Fuzz:
    """A stack that may be broken, and an administrator's bearer for it."""

    url: str
    bearer: str
    heard: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each operation gave each status."""

    def schema(self) -> OpenApiSchema:
        schema = schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig.from_dict(CONFIGURED))
        schema.config.update(base_url=self.url)
        return schema

    def each(self, operation_id: str, mode: GenerationMode, examples: int) -> None:
        """Send requests of one operation that keep (or break) the document's rules."""
        operation = self.schema().find_operation_by_id(operation_id)

        @bounded(examples)
        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        def send(case: Case) -> None:
            response = case.call(headers=self._headers())
            self._hear(case, response)
            case.validate_response(response, checks=of(case, EACH))

        send()

    def along(self, paths: str, *, rounds: int, sequences: int, steps: int) -> None:
        """Send sequences: each request takes up what an answer before it gave, by the document's links or by names.

        In rounds, for each begins with the simplest sequence, and with other operations.
        """
        for number in range(rounds):
            faults: list[Exception] = []
            machine = self._machine(paths, faults)
            machine.rule_order_seed = number
            try:
                hypothesis.seed(number)(machine).run(settings=bounded(sequences, steps))
            except (Flaky, AssertionError) as error:
                # Where a sequence goes depends on answers, which no seed settles: Hypothesis gives the round up.
                if not (isinstance(error, Flaky) or is_inconsistent_replay(error)):
                    raise
            if faults:
                raise faults[0]

    def _machine(self, paths: str, faults: list[Exception]) -> type[APIStateMachine]:
        fuzz = self
        machine: type[APIStateMachine] = self.schema().include(path_regex=paths).as_state_machine()

        class Workflow(machine):  # type: ignore[misc, valid-type]
            def get_call_kwargs(self, _: Case) -> dict[str, Any]:
                return {"headers": fuzz._headers()}

            def before_call(self, case: Case) -> None:
                believe(case)

            def validate_response(self, response: Response, case: Case, **_: Any) -> None:
                fuzz._hear(case, response)
                try:
                    case.validate_response(response, checks=of(case, ALONG), recorder=self.recorder)
                except FailureGroup as fault:
                    faults.append(fault)
                    raise

        return Workflow

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.bearer}"}

    def _hear(self, case: Case, response: Response) -> None:
        self.heard[case.operation.definition.raw["operationId"], response.status_code] += 1


def believe(case: Case) -> None:
    """Make what chance hardly meets: a provider whose settings fit each other, so that there is one to go on with."""
    if case.operation.definition.raw["operationId"] == "putProvider" and _keeps_the_rules(case):
        case.body.pop("discovery_url", None)
        case.body |= {"auth_method": "none", "credential": None, "token_endpoint": NOWHERE, "parameters": {}}


def _keeps_the_rules(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
