"""An import over a real table, its file in memory: every line once, whatever happens in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import FileChanged, FileMissing, LeaseLost, SealBroken, TooManyLines, Unavailable
from chalicelib.intake.bodies import LARGEST_BODY
from chalicelib.intake.lines import LineReader
from chalicelib.model.clock import SECOND
from chalicelib.model.imports import Checkpoint, file_key, line_id
from chalicelib.model.job import BUDGETS, DISPATCH_GRACE, Job, Status
from chalicelib.model.token import Place
from chalicelib.process.importing import IMPORT_RUN, Importing, lanes
from chalicelib.seal.keyring import Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.imports import Imports
from chalicelib.store.items import current_to_item
from chalicelib.store.leases import Leases
from tests.chalicelib.examples import HOOK, NOW, Clock, Facts, a_deposit, a_place, an_id
from tests.chalicelib.process.many import Shelf, a_file, a_line, a_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.token import Token
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

KEY = file_key(HOOK, "file")


class NoPlans:
    """Of providers that nobody configured."""

    def refresh_at(self, token: Token) -> int | None:  # noqa: ARG002
        return None

    def replaces(self, token: Token) -> bool:  # noqa: ARG002
        return False


@dataclass
class Bench:
    """An import's parts, and what a test looks at."""

    importing: Importing
    jobs: Jobs
    imports: Imports
    leases: Leases
    shelf: Shelf
    clock: Clock
    facts: Facts

    def accepted(self, content: bytes) -> Job:
        """Accept a file and claim its import."""
        request = a_request(self.shelf.write(KEY, content))
        assert self.imports.accept(request) is None
        return self.claimed(request.job)

    def claimed(self, job: Job) -> Job:
        held = self.leases.claim(self.jobs.job(job.id), "worker-a", self.clock.now)
        assert held is not None
        return held

    def done(self, job: Job) -> dict[str, Any]:
        """Run an import to its end and return its result."""
        assert self.importing(job) is None
        ended = self.jobs.job(job.id)
        assert (ended.status, self.shelf.kept) == (Status.SUCCEEDED, {})
        return dict(ended.result or {})

    def token_of(self, line: int) -> Any:
        return self.jobs.deposit(line_id(an_id(1), line))

    def current(self, subject: str) -> str | None:
        place = Place(environment="default", domain="default", subject=subject, provider="google")
        token = self.jobs.current(place)
        return None if token is None else token.id


@pytest.fixture
def bench(cloud: LiveCloud, table: Table, jobs: Jobs, key_id: str, clock: Clock, facts: Facts) -> Iterator[Bench]:  # noqa: PLR0917
    sealer = Sealer(Keyring(BranchKeys(table), KmsWrapper(cloud.client("kms"), key_id), clock))
    shelf, imports, leases = Shelf(), Imports(table), Leases(table)
    with ThreadPoolExecutor(8) as pool:
        importing = Importing(
            imports=imports,
            files=shelf,
            leases=leases,
            plans=NoPlans(),
            read_line=LineReader(sealer=sealer),
            longest=LARGEST_BODY,
            pool=pool,
            now=clock,
            fact=facts,
            failure=facts,
        )
        yield Bench(importing, jobs, imports, leases, shelf, clock, facts)


def test_each_line_is_stored_as_a_token_of_its_own_settled_already(bench: Bench) -> None:
    job = bench.accepted(a_file(30))

    result = bench.done(job)

    assert result == {"lines": 30, "stored": 30, "refused": 0, "refusals": []}
    first, last = bench.token_of(7), bench.token_of(30)
    assert (first.job.status, first.job.result) == (Status.SUCCEEDED, {"current": False})
    assert (last.job.status, last.job.result) == (Status.SUCCEEDED, {"current": True})
    assert (first.job.input, first.job.part_of) == ({"import": job.id}, job.id)
    assert (first.token.accepted_at, first.token.requester) == (NOW + 7, HOOK)
    assert bench.current("subject-7") == line_id(job.id, 27), "the last line of a place is its newest"


def test_a_refused_line_is_told_with_its_reason_and_stops_no_other(bench: Bench) -> None:
    content = b"\n".join(
        [a_line(1), b"not json", b"", b'{"subject": "a"}', b" " * (LARGEST_BODY + 1), a_line(6), b"\xff\xfe"]
    )

    result = bench.done(bench.accepted(content))

    assert (result["lines"], result["stored"], result["refused"]) == (7, 2, 4)
    told = [(one["line"], one["code"], one.get("field")) for one in result["refusals"]]
    assert told == [
        (2, "invalid_body", None),
        (4, "invalid_body", "provider"),
        (5, "body_too_large", None),
        (7, "invalid_body", None),
    ]
    assert [one["rule"] for one in result["refusals"]][1:3] == ["required", "at most 65536 bytes"]
    assert bench.token_of(6).job.status is Status.SUCCEEDED


def test_the_result_shows_the_first_refused_lines_and_the_list_has_all(bench: Bench) -> None:
    job = bench.accepted(a_file(450, refused=tuple(range(2, 450, 2))))

    result = bench.done(job)

    assert (result["stored"], result["refused"]) == (226, 224)
    assert [one["line"] for one in result["refusals"]] == list(range(2, 42, 2))
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page, after = bench.imports.refusals(job.id, after=after, limit=50)
        assert len(page) <= 50
        seen += [one.line for one in page]
    assert seen == list(range(2, 450, 2))


def test_a_token_that_was_handed_in_after_the_import_was_accepted_stays_current(bench: Bench, table: Table) -> None:
    newer = replace(bench.importing.read_line(a_line(7), 1, a_request(bench.shelf.write(KEY, b"x")).job).token, id="n")
    newer = replace(newer, accepted_at=NOW + SECOND)
    table.put(current_to_item(newer))

    result = bench.done(bench.accepted(a_file(30)))

    assert result["stored"] == 30
    assert bench.current("subject-7") == "n"
    assert bench.token_of(27).job.result == {"current": False}
    assert bench.current("subject-6") == line_id(an_id(1), 26)


def test_lines_that_are_done_again_are_stored_and_counted_once(bench: Bench, table: Table) -> None:
    job = bench.accepted(a_file(260, refused=(3, 250)))
    source = bench.imports.source(job.id)
    first = bench.importing._run(job, source)
    stored = {line: table.get({"pk": f"JOB#{line_id(job.id, line)}", "sk": "JOB"}) for line in range(1, 261)}

    bench.clock.pass_seconds(5)
    again = bench.importing._run(job, source)

    assert again == first == Checkpoint(total=260, line=260, offset=source.size, stored=258, refused=2)
    assert {line: table.get({"pk": f"JOB#{line_id(job.id, line)}", "sk": "JOB"}) for line in stored} == stored


def test_the_next_attempt_begins_behind_the_checkpoint(bench: Bench) -> None:
    job = bench.accepted(a_file(450, refused=(1, 201)))
    read = bench.importing.read_line
    numbers: list[int] = []

    def dying(raw: bytes, number: int, of: Job) -> Any:
        numbers.append(number)
        if number == 399:
            raise Unavailable
        return read(raw, number, of)

    with pytest.raises(Unavailable):
        replace(bench.importing, read_line=dying)(job)
    bench.clock.pass_seconds(100)
    begun_at = len(numbers)
    again = replace(bench.importing, read_line=lambda *line: numbers.append(line[1]) or read(*line))
    again(bench.claimed(job))

    result = bench.jobs.job(job.id).result or {}
    assert (result["lines"], result["stored"], result["refused"]) == (450, 448, 2)
    assert numbers[begun_at] == 201, "the first chunk is not read again"


def test_a_run_that_takes_too_long_is_given_back_with_its_progress_and_one_attempt_more(bench: Bench) -> None:
    job = bench.accepted(a_file(450))
    bench.clock.now -= IMPORT_RUN
    began = bench.clock.now

    def at_the_end() -> int:
        bench.clock.now = began if not bench.shelf.asked else began + IMPORT_RUN
        return bench.clock.now

    assert replace(bench.importing, now=at_the_end)(job) == 1

    paused = bench.jobs.job(job.id)
    assert (paused.status, paused.attempts, paused.allowed) == (Status.PENDING, 1, 13)
    assert paused.progress == {"done": 200, "total": 450, "note": "200 stored, 0 refused"}
    assert Checkpoint.from_job(paused) == Checkpoint(total=450, line=200, offset=len(a_file(200)), stored=200)
    assert bench.done(bench.claimed(paused))["stored"] == 450


def test_progress_is_written_at_most_once_a_second(bench: Bench, table: Table) -> None:
    job = bench.accepted(a_file(1_000))
    told: list[tuple[int, object]] = []
    renew = bench.leases.renew

    class Telling(Leases):
        def renew(self, job: Job, now: int, progress: Any, checkpoint: Any = None) -> None:
            told.append((now - NOW, progress["done"]))
            renew(job, now, progress, checkpoint)

    def ticking() -> int:
        bench.clock.pass_seconds(0.05)
        return bench.clock.now

    replace(bench.importing, leases=Telling(table), now=ticking)(job)

    assert len(told) >= 2
    assert told[0][1] == 0
    assert all(later[0] - earlier[0] >= SECOND for earlier, later in pairwise(told))


def test_a_cancelled_import_stops_at_its_next_word_and_what_it_stored_stays(bench: Bench) -> None:
    job = bench.accepted(a_file(1_000))

    def ticking() -> int:
        bench.clock.pass_seconds(0.5)
        return bench.clock.now

    read = bench.importing.read_line

    def cancelling(raw: bytes, number: int, of: Job) -> Any:
        if number == 300:
            assert bench.leases.end_as_seen(bench.jobs.job(job.id), Status.CANCELLED, bench.clock.now, {"result": {}})
        return read(raw, number, of)

    with pytest.raises(LeaseLost):
        replace(bench.importing, read_line=cancelling, now=ticking)(job)

    assert bench.token_of(200).job.status is Status.SUCCEEDED
    assert bench.jobs.job(job.id).status is Status.CANCELLED
    with pytest.raises(Exception, match="no such thing"):
        bench.token_of(1_000)


@pytest.mark.parametrize(
    ("happens", "error"),
    [
        (lambda shelf: shelf.kept.clear(), FileMissing),
        (lambda shelf: shelf.write(KEY, a_file(3)), FileChanged),
    ],
)
def test_a_file_that_is_not_what_was_accepted_is_not_imported(
    bench: Bench, happens: Any, error: type[Exception]
) -> None:
    job = bench.accepted(a_file(2))
    happens(bench.shelf)

    with pytest.raises(error):
        bench.importing(job)


def test_a_file_of_too_many_lines_stores_nothing(bench: Bench) -> None:
    job = bench.accepted(a_line(1) + b"\n" * 100_001)

    with pytest.raises(TooManyLines):
        bench.importing(job)

    with pytest.raises(Exception, match="no such thing"):
        bench.token_of(1)


def test_a_domain_whose_key_does_not_open_costs_its_own_lines_alone(bench: Bench) -> None:
    read = bench.importing.read_line

    def broken(raw: bytes, number: int, of: Job) -> Any:
        if number == 2:
            raise SealBroken
        return read(raw, number, of)

    job = bench.accepted(a_file(3))
    replace(bench.importing, read_line=broken)(job)

    result = bench.jobs.job(job.id).result or {}
    assert (result["stored"], result["refused"]) == (2, 1)
    assert [one.code for one in bench.imports.refusals(job.id, after=0, limit=5)[0]] == ["seal_broken"]


def test_a_file_that_cannot_be_deleted_costs_its_import_nothing(bench: Bench) -> None:
    job = bench.accepted(a_file(1))

    def failing(key: str) -> None:
        raise Unavailable

    bench.shelf.delete = failing  # type: ignore[assignment,method-assign]
    bench.importing(job)

    assert bench.jobs.job(job.id).status is Status.SUCCEEDED
    assert bench.facts.events == ["tokens.imported", "import.file_left"]


def test_a_failed_import_keeps_its_file_for_a_retry(bench: Bench) -> None:
    job = bench.accepted(a_line(1) + b"\n" * 100_001)

    with pytest.raises(TooManyLines):
        bench.importing(job)

    assert len(bench.shelf.kept) == 1


def test_a_run_that_comes_to_nothing_gives_the_job_no_new_budget(bench: Bench) -> None:
    job = bench.accepted(a_file(300))

    def failing(raw: bytes, number: int, of: Job) -> Any:
        raise Unavailable

    for attempt in range(1, 4):
        with pytest.raises(Unavailable):
            replace(bench.importing, read_line=failing)(job)
        assert (job.attempts, bench.jobs.job(job.id).allowed) == (attempt, 13)
        bench.clock.pass_seconds(100)
        job = bench.claimed(job)


def test_a_token_that_is_refreshed_by_itself_is_put_on_the_schedule(bench: Bench, table: Table) -> None:
    class Scheduling(NoPlans):
        def refresh_at(self, token: Token) -> int | None:
            return 77 if token.place.subject == "subject-1" else None

    job = bench.accepted(a_file(30))
    replace(bench.importing, plans=Scheduling())(job)

    items = {line: table.get({"pk": f"JOB#{line_id(job.id, line)}", "sk": "JOB"}) or {} for line in (1, 21, 22)}
    assert {line: item.get("refresh_at") for line, item in items.items()} == {1: None, 21: 77, 22: None}
    assert items[21]["refresh_shard"] == keys.refresh_shard(line_id(job.id, 21))


def test_a_token_whose_provider_wants_the_replaced_one_revoked_is_left_to_the_stream(bench: Bench) -> None:
    class Replacing(NoPlans):
        def replaces(self, token: Token) -> bool:
            return token.place.subject == "subject-1"

    job = bench.accepted(a_file(30))
    bench.clock.pass_seconds(7)
    for _ in range(2):
        at = replace(bench.importing, plans=Replacing())._run(job, bench.imports.source(job.id))

    left = bench.token_of(1).job
    assert at is not None
    assert (at.stored, left.status, left.part_of) == (30, Status.PENDING, job.id)
    assert left.due_at == NOW + 7 * SECOND + DISPATCH_GRACE
    assert left.deadline_at == NOW + 7 * SECOND + BUDGETS[left.type].lifetime
    assert bench.token_of(2).job.status is Status.SUCCEEDED
    assert bench.current("subject-1") is None


@pytest.mark.parametrize(
    ("of_places", "expected"),
    [
        ([], []),
        ([1], [[1]]),
        ([10, 10, 10], [[20], [10]]),
        ([25, 1, 24], [[25], [25]]),
        ([60], [[25, 25, 10]]),
        ([60, 15, 1], [[25, 25, 25], [1]]),
        ([3, 60, 3], [[3], [25, 25, 13]]),
    ],
)
def test_a_place_is_in_one_lane_whole_and_in_its_order(of_places: list[int], expected: list[list[int]]) -> None:
    deposits = [
        a_deposit(number * 100 + line, place=a_place(provider=f"provider-{number}"))
        for number, count in enumerate(of_places)
        for line in range(count)
    ]
    mixed = sorted(deposits, key=lambda deposit: deposit.token.id[::-1])
    in_order = sorted(mixed, key=lambda deposit: deposit.token.place.provider)

    found = lanes(mixed)

    assert [[len(group) for group in lane] for lane in found] == expected
    assert [deposit for lane in found for group in lane for deposit in group] == in_order


def test_an_import_of_every_line_empty_stores_nothing(bench: Bench) -> None:
    assert bench.done(bench.accepted(b"\n\r\n  \n")) == {"lines": 3, "stored": 0, "refused": 0, "refusals": []}
