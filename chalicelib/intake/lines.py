"""A line of an import → the token that it hands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.intake.accept import deposit_of
from chalicelib.intake.reading import read_hand_in
from chalicelib.model.imports import line_id

if TYPE_CHECKING:
    from chalicelib.intake.accept import Sealer
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class LineReader:
    """The body of `POST /tokens`, a line each."""

    sealer: Sealer

    def __call__(self, raw: bytes, number: int, job: Job) -> Deposit:
        """Return the token of a line: handed in by who imports, a microsecond behind the line before it.

        So a later line is newer, and a token that is handed in once the import is accepted is newer than all of them
        (100,000 lines are a tenth of a second). Raises Refused.
        """
        body = read_hand_in(raw)
        return deposit_of(
            body,
            self.sealer,
            token_id=line_id(job.id, number),
            requester=job.requester,
            now=job.accepted_at + number,
            asked={"import": job.id},
        )
