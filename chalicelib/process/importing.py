"""Do an import: line after line, in chunks that are the same chunks however often they are begun."""

from __future__ import annotations

from itertools import groupby, islice
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import asdict, replace

from chalicelib.errors import BodyTooLarge, LeaseLost, Refused, SealBroken, TooManyLines
from chalicelib.model.clock import SECOND
from chalicelib.model.imports import (
    CHUNK_LINES,
    LONGEST_RULE,
    MOST_LINES,
    MOST_SHOWN,
    TRANSACTION_TOKENS,
    Checkpoint,
    Refusal,
    refusal_view,
)
from chalicelib.model.job import Status, age_ms
from chalicelib.process.lines import Line, count, lines
from chalicelib.process.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.imports import Source
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token

IMPORT_RUN = 30 * SECOND
"""How long a worker imports before it gives the job back, so that others have their turn: its function may run 60 s."""

AGAIN = 1
"""Seconds between two runs, for the messages of shorter jobs that wait."""

UNSEALABLE = "the key of its domain does not open: its operator has to mend that"

RANGE = 4_194_304
"""Bytes that are asked for at once."""


class Imports(Protocol):
    """Where an import, its tokens and its refused lines are kept."""

    def source(self, job_id: str) -> Source:
        """Return where the lines are. Raises NotFound."""

    def store(self, deposits: Sequence[Deposit], now: int, refresh_at: Callable[[Token], int | None]) -> None:
        """Store tokens, each once, settled already."""

    def leave(self, deposit: Deposit, now: int) -> None:
        """Store a token, once, for the stream to settle."""

    def refuse(self, job: Job, first_line: int, refusals: Sequence[Refusal]) -> None:
        """Note refused lines."""

    def refusals(self, job_id: str, *, after: int, limit: int) -> tuple[list[Refusal], int | None]:
        """Return the first of them."""


class Files(Protocol):
    """Where the lines are."""

    def part(self, source: Source, offset: int, length: int) -> bytes:
        """Raise FileMissing, FileChanged, Unavailable."""

    def delete(self, key: str) -> None:
        """Raise Unavailable."""


class Leases(Protocol):
    """How a claimed job says how far it is, and is given back."""

    def renew(  # noqa: D102
        self, job: Job, now: int, progress: Mapping[str, object], checkpoint: Mapping[str, object] | None
    ) -> None: ...
    def pause(  # noqa: D102
        self, job: Job, not_before: int, now: int, progress: Mapping[str, object], checkpoint: Mapping[str, object]
    ) -> None: ...
    def end(self, job: Job, to: Status, now: int, outcome: Mapping[str, Mapping[str, object]]) -> None: ...  # noqa: D102


class Plans(Protocol):
    """What providers want of a token that is put up as current."""

    def refresh_at(self, token: Token) -> int | None:
        """Return when it is refreshed by itself (epoch seconds)."""

    def replaces(self, token: Token) -> bool:
        """Tell whether the one that it replaces is to be revoked."""


class Importing(Struct, frozen=True, kw_only=True):
    """The step of `token.import`. `read_line` makes a token of a line or raises Refused; `longest` is in bytes."""

    imports: Imports
    files: Files
    leases: Leases
    plans: Plans
    read_line: Callable[[bytes, int, Job], Deposit]
    longest: int
    pool: Executor
    now: Callable[[], int]
    fact: Callable[..., None]
    failure: Callable[..., None]

    def __call__(self, job: Job) -> int | None:
        """Go on with the job; return after how many seconds it goes on again, None when it has ended.

        Raises LeaseLost within a second after the job was cancelled or taken; whatever else it raises, what was done
        is kept, and the next attempt begins behind it.
        """
        source = self.imports.source(job.id)
        done = self._run(job, source)
        if done is None:
            self.fact("job.paused", job=job.id, type=job.type, attempt=job.attempts)
            return AGAIN
        self.leases.end(job, Status.SUCCEEDED, self.now(), self._outcome(job, done))
        after, counts = age_ms(job, self.now()), {"stored": done.stored, "refused": done.refused}
        self.fact("tokens.imported", job=job.id, type=job.type, attempt=job.attempts, after_ms=after, **counts)
        self._forget(job, source)
        return None

    def _run(self, job: Job, source: Source) -> Checkpoint | None:
        """Return the counts when all lines are done; None when the job was given back before."""
        began, at = self.now(), Checkpoint.from_job(job)
        progress = Progress[Checkpoint](write=lambda at: self._renew(job, at), now=self.now)
        if at is None:
            at = Checkpoint(total=self._count(source))
            progress.tell(at)
        try:
            for chunk in self._chunks(source, at):
                at = self._done(job, chunk, at)
                if at.line >= at.total:
                    break  # the job's end tells
                now = self.now()
                if now - began >= IMPORT_RUN:
                    self.leases.pause(job, now, now, at.progress, asdict(at))
                    return None
                progress.tell(at)
        except LeaseLost:
            raise
        except Exception:
            progress.flush()
            raise
        return at

    def _renew(self, job: Job, at: Checkpoint) -> None:
        self.leases.renew(job, self.now(), at.progress, asdict(at))

    def _outcome(self, job: Job, done: Checkpoint) -> dict[str, dict[str, object]]:
        """Return what the job's end is written with."""
        shown, _ = self.imports.refusals(job.id, after=0, limit=MOST_SHOWN) if done.refused else ([], None)
        result = {
            "lines": done.total,
            "stored": done.stored,
            "refused": done.refused,
            "refusals": [refusal_view(refusal) for refusal in shown],
        }
        return {"result": result, "progress": done.progress}

    def _forget(self, job: Job, source: Source) -> None:
        """Delete the file of an import that succeeded; if that fails, the bucket's lifecycle does within days."""
        try:
            self.files.delete(source.key)
        except Exception as error:  # noqa: BLE001  the import has succeeded, whatever this meets
            self.failure("import.file_left", error, job=job.id)

    def _count(self, source: Source) -> int:
        total = count(self._parts(source, 0))
        if total > MOST_LINES:
            raise TooManyLines
        return total

    def _parts(self, source: Source, offset: int) -> Iterator[bytes]:
        for begin in range(offset, source.size, RANGE):
            yield self.files.part(source, begin, RANGE)

    def _chunks(self, source: Source, at: Checkpoint) -> Iterator[list[Line]]:
        parts = self._parts(source, at.offset)
        found = lines(parts, longest=self.longest, offset=at.offset, done=at.line)
        while chunk := list(islice(found, CHUNK_LINES)):
            yield chunk

    def _done(self, job: Job, chunk: Sequence[Line], at: Checkpoint) -> Checkpoint:
        """Store and refuse a chunk's lines, and return the checkpoint behind it.

        Where a provider wants the token revoked that another replaces, the stream settles the new one, as it does with
        those of `POST /tokens`: that takes a look at what stands in the place.
        """
        deposits, refusals = self._read(job, chunk)
        if refusals:
            self.imports.refuse(job, chunk[0].number, refusals)
        left: list[Deposit] = []
        settled: list[Deposit] = []
        for deposit in deposits:
            (left if self.plans.replaces(deposit.token) else settled).append(deposit)
        list(self.pool.map(lambda deposit: self.imports.leave(deposit, self.now()), left))
        list(self.pool.map(self._store, lanes(settled)))
        return replace(
            at,
            line=chunk[-1].number,
            offset=chunk[-1].end,
            stored=at.stored + len(deposits),
            refused=at.refused + len(refusals),
        )

    def _store(self, lane: Sequence[Sequence[Deposit]]) -> None:
        for group in lane:
            self.imports.store(group, self.now(), self.plans.refresh_at)

    def _read(self, job: Job, chunk: Sequence[Line]) -> tuple[list[Deposit], list[Refusal]]:
        deposits: list[Deposit] = []
        refusals: list[Refusal] = []
        for line in chunk:
            if line.is_empty:
                continue
            try:
                if line.raw is None:
                    raise BodyTooLarge(f"at most {self.longest} bytes")
                deposits.append(self.read_line(line.raw, line.number, job))
            except Refused as refused:
                refusals.append(_refusal(line.number, refused))
            except SealBroken as broken:  # one domain's key; the other domains' lines are as good as before
                refusals.append(Refusal(line=line.number, code=broken.code, field=None, rule=UNSEALABLE))
        return deposits, refusals


def lanes(deposits: Sequence[Deposit]) -> list[list[list[Deposit]]]:
    """Return what is written in one transaction each, in lanes that may be done side by side.

    All tokens of a place are in one lane, in their order: of two transactions that touch a place at the same time
    DynamoDB refuses one.
    """
    found: list[list[list[Deposit]]] = []
    room = 0
    for _, of_place in groupby(sorted(deposits, key=_place), key=_place):
        same = list(of_place)
        if len(same) > room:
            size = TRANSACTION_TOKENS
            found.append([same[begin : begin + size] for begin in range(0, len(same), size)])
        else:
            found[-1][-1].extend(same)
        room = TRANSACTION_TOKENS - len(found[-1][-1])
    return found


def _place(deposit: Deposit) -> tuple[str, str, str, str]:
    """Sort by place; the sort keeps lines of one place in their order."""
    place = deposit.token.place
    return place.environment, place.domain, place.subject, place.provider


def _refusal(line: int, refused: Refused) -> Refusal:
    field, rule = refused.facts.get("field"), refused.facts.get("rule") or refused.detail
    return Refusal(
        line=line, code=refused.code, field=None if field is None else str(field), rule=str(rule)[:LONGEST_RULE]
    )
