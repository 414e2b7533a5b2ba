"""A line of an import → the token that it hands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import Unreadable
from chalicelib.intake.accept import deposit_of
from chalicelib.intake.reading import read_hand_in
from chalicelib.model.audit import asker_of
from chalicelib.model.caller import check_within
from chalicelib.model.imports import line_id
from chalicelib.model.limits import reach_from_plain

if TYPE_CHECKING:
    from chalicelib.intake.accept import Sealing
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.limits import Reach


class Sealer(Protocol):
    """The domains' keys."""

    def newest(self, environment: str, domain: str) -> Sealing:
        """Return the key that seals now."""


class LineReader(Struct, frozen=True, kw_only=True):
    """The body of `POST /tokens`, a line each."""

    sealer: Sealer

    def __call__(self, raw: bytes, number: int, job: Job) -> Deposit:
        """Return the token of a line: handed in by who imports, a microsecond behind the line before it.

        So a later line is newer, and a token that is handed in once the import is accepted is newer than all of them
        (100,000 lines are a tenth of a second). Raises Refused, also for what lies outside the import's limits.
        """
        body = read_hand_in(raw)
        check_within(_limits_of(job), body)
        return deposit_of(
            body,
            self.sealer.newest(body.environment, body.domain),
            token_id=line_id(job.id, number),
            by=asker_of(job),
            now=job.accepted_at + number,
            asked={"import": job.id},
        )


def _limits_of(job: Job) -> Reach:
    """Return what an import was limited to when it was accepted. Raises Unreadable: what is not read limits nothing."""
    try:
        return reach_from_plain((job.input or {}).get("limits"))
    except ValueError:
        raise Unreadable("an import with limits that this version does not know") from None
