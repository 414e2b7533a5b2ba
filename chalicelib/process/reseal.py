"""Seal anew, under a newer version of its key, all that older versions sealed: the worker's step for `domain.reseal`.

    wait      until no process seals with an older version any more (`settled` behind the first attempt)
    walk      the table's segments side by side, a page each in turn; each secret that an older version sealed is
              opened, sealed, and put in the old form's place if that is still there
    pause     after RUN: other jobs have their turn, and the walk goes on from its checkpoint

Whoever dies leaves the last checkpoint; what was sealed anew behind it is not found again, for it is no longer old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.errors import SealBroken, Unreadable
from chalicelib.model.clock import SECOND, rfc3339
from chalicelib.model.job import Status, age_ms
from chalicelib.model.sealed import Older

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from chalicelib.model.job import Job
    from chalicelib.model.sealed import Page, SealedItem
    from chalicelib.model.token import Place

SEGMENTS = 4
"""Parts of the table that are walked side by side. A part's secrets are sealed one after the other: some hundred writes
a second at the most where a partition takes a thousand units, whatever else is written there."""

TURN = SECOND // 5
"""How long a page of each segment takes at the least (microseconds): 640 read units a second of a partition's 3,000."""

RUN = 30 * SECOND
"""How long one attempt takes (microseconds); its function may run for 60 s."""

TELL = SECOND
"""How often it says how far it is, at the most."""

AGAIN = 1
"""Seconds between two runs, for the messages of shorter jobs that wait."""


class Items(Protocol):
    """What is sealed."""

    def page(self, wanted: Older, segment: int, segments: int, after: Mapping[str, Any] | None) -> Page:
        """Look at the next items of a segment."""

    def replace(self, item: SealedItem, sealed: bytes) -> bool:
        """Return False when somebody was faster."""


class Leases(Protocol):
    """How a claimed job is written."""

    def renew(  # noqa: D102
        self, job: Job, now: int, progress: Mapping[str, object], checkpoint: Mapping[str, object] | None
    ) -> None: ...
    def pause(  # noqa: D102
        self, job: Job, not_before: int, now: int, progress: Mapping[str, object], checkpoint: Mapping[str, object]
    ) -> None: ...
    def end(self, job: Job, to: Status, now: int, outcome: Mapping[str, Mapping[str, object]]) -> None: ...  # noqa: D102


class Sealer(Protocol):
    """How secrets are sealed anew."""

    def older_than(self, environment: str, domain: str, version: int) -> bytes:
        """Return the bytes below which lies what older versions sealed. Raise KeyGone without this one."""

    def reseal(self, sealed: bytes, place: Place, token_id: str, version: int) -> bytes:
        """Raise SealBroken when it does not open."""


class Walk(Struct, frozen=True, kw_only=True):
    """How far the walk is: the segments that are left, and behind which key each of them goes on.

    Kept as the job's checkpoint, for as long as such jobs live: add members, with a default; never rename one.
    """

    begins_at: int
    left: tuple[int, ...] = tuple(range(SEGMENTS))
    segments: int = SEGMENTS
    behind: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    looked: int = 0
    resealed: int = 0
    unopened: int = 0

    @classmethod
    def from_checkpoint(cls, kept: Mapping[str, Any]) -> Walk:
        """Read a checkpoint."""
        return cls(**{**kept, "left": tuple(kept["left"])})

    def to_checkpoint(self) -> dict[str, object]:
        """Write a checkpoint."""
        return {
            "begins_at": self.begins_at,
            "left": list(self.left),
            "segments": self.segments,
            "behind": {segment: dict(key) for segment, key in self.behind.items()},
            "looked": self.looked,
            "resealed": self.resealed,
            "unopened": self.unopened,
        }

    def after(self, segment: int, step: Step) -> Walk:
        """Return the walk behind a step in one of its segments."""
        behind = {name: key for name, key in self.behind.items() if name != str(segment)}
        if step.last is not None:
            behind[str(segment)] = step.last
        return replace(
            self,
            left=tuple(one for one in self.left if one != segment or not step.is_end),
            behind=behind,
            looked=self.looked + step.looked,
            resealed=self.resealed + step.resealed,
            unopened=self.unopened + step.unopened,
        )


class Step(Struct, frozen=True, kw_only=True):
    """What came of one page of a segment; `last` is where the next begins."""

    last: Mapping[str, Any] | None
    is_end: bool
    looked: int
    resealed: int
    unopened: int


class Reseal(Struct, frozen=True, kw_only=True):
    """The worker's step for `domain.reseal`. `now` and `settled` in microseconds, `pause` in seconds."""

    items: Items
    leases: Leases
    sealer: Sealer
    settled: int
    pool: Executor
    now: Callable[[], int]
    pause: Callable[[float], None]
    fact: Callable[..., None]
    failure: Callable[..., None]

    def __call__(self, job: Job) -> int | None:
        """Go on with the job; return after how many seconds it goes on again, None when it has ended.

        Raises LeaseLost, KeyGone when the version to seal under was shredded, Unavailable for what may be tried again.
        """
        asked = job.input or {}
        environment, domain, version = str(asked["environment"]), str(asked["domain"]), _number(asked["version"])
        wanted = Older(
            environment=environment, domain=domain, than=self.sealer.older_than(environment, domain, version)
        )
        now = self.now()
        if job.checkpoint is None:  # by this clock, not by the operator's: his may be minutes off
            return self._paused(job, Walk(begins_at=now + self.settled), now, self.settled // SECOND)
        walk = Walk.from_checkpoint(job.checkpoint)
        until, told = now + RUN, now
        while walk.left:
            walk = self._turn(walk, wanted, version, until)
            now = self.now()
            if walk.left and now >= until:
                return self._paused(job, walk, now, AGAIN)
            if walk.left and now - told >= TELL:
                self.leases.renew(job, now, _progress(job, walk), walk.to_checkpoint())
                told = now
        result = {"resealed": walk.resealed, "version": version, "unopened": walk.unopened}
        self.leases.end(job, Status.SUCCEEDED, self.now(), {"result": result})
        self.fact("domain.resealed", job=job.id, type=job.type, after_ms=age_ms(job, self.now()), **result)
        return None

    def _paused(self, job: Job, walk: Walk, now: int, seconds: int) -> int:
        not_before = max(now, walk.begins_at)
        self.leases.pause(job, not_before, now, _progress(job, walk), walk.to_checkpoint())
        return seconds

    def _turn(self, walk: Walk, wanted: Older, version: int, until: int) -> Walk:
        """Do a page of each segment, side by side, in TURN or longer."""
        began = self.now()

        def step(segment: int) -> Step:
            return self._step(wanted, segment, walk, version, until)

        steps = list(self.pool.map(step, walk.left))
        for segment, done in zip(walk.left, steps, strict=True):
            walk = walk.after(segment, done)
        if walk.left:
            self.pause(max(0, TURN - (self.now() - began)) / SECOND)
        return walk

    def _step(self, wanted: Older, segment: int, walk: Walk, version: int, until: int) -> Step:
        before = walk.behind.get(str(segment))
        page = self.items.page(wanted, segment, walk.segments, before)
        resealed = unopened = 0
        for item in page.found:
            if self.now() >= until:  # the next run looks at this page again, and finds what is left of it
                return Step(last=before, is_end=False, looked=0, resealed=resealed, unopened=0)
            try:
                resealed += self._anew(item, version)
            except (SealBroken, Unreadable) as error:  # one that does not open must not cost the others their new key
                unopened += 1
                token = None if isinstance(item, Unreadable) else item.id
                self.failure("reseal.unopened", error, token=token)
        return Step(last=page.last, is_end=page.last is None, looked=page.looked, resealed=resealed, unopened=unopened)

    def _anew(self, item: SealedItem | Unreadable, version: int) -> bool:
        if isinstance(item, Unreadable):
            raise item
        return self.items.replace(item, self.sealer.reseal(item.sealed, item.place, item.id, version))


def _progress(job: Job, walk: Walk) -> dict[str, object]:
    """Say how far the walk is: items looked at, of as many as the table held when the key was rotated."""
    items = _number((job.input or {}).get("items", 0))
    note = f"{walk.resealed} sealed anew" if walk.looked else f"begins at {rfc3339(walk.begins_at)}"
    return {"done": walk.looked, "total": max(items, walk.looked), "note": note}


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise Unreadable("a re-sealing's job without its numbers")
    return value
