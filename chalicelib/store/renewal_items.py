"""What a token's item says of its refreshes ⇄ `Renewal`.

None of it is there before the first refresh: the intake writes nothing for what may never happen, and a token without
`generation` is of the first. Names are for good, as in `items`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.renewal import FIRST, Journal, LastRefresh, Reauth, Renewal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.token import Token


RENEWAL_ATTRIBUTES = (
    "generation",
    "obtained_at",
    "refresh_job",
    "refreshing_since",
    "journal",
    "reauth",
    "last_refresh",
    "learned_life",
)


def renewal_to_attributes(token: Token) -> dict[str, object]:
    """Write a token's refreshes; what is not there is None."""
    renewal = token.renewal
    if renewal is FIRST and token.generation == 1:
        return {}
    return {
        "generation": None if token.generation == 1 else token.generation,
        "obtained_at": renewal.obtained_at or None,
        "refresh_job": renewal.job_id,
        "refreshing_since": renewal.since or None,
        "journal": None if renewal.journal is None else journal_to_map(renewal.journal),
        "reauth": None if renewal.reauth is None else {"code": renewal.reauth.code, "at": renewal.reauth.at},
        "last_refresh": None if renewal.last is None else {"outcome": renewal.last.outcome, "at": renewal.last.at},
        "learned_life": renewal.learned_life,
    }


def renewal_from_item(item: Mapping[str, Any]) -> Renewal:
    """Read them. KeyError for a part that lacks something."""
    journal, reauth, last = item.get("journal"), item.get("reauth"), item.get("last_refresh")
    return Renewal(
        obtained_at=item.get("obtained_at", 0),
        job_id=item.get("refresh_job"),
        since=item.get("refreshing_since", 0),
        journal=None if journal is None else _journal(journal),
        reauth=None if reauth is None else Reauth(code=reauth["code"], at=reauth["at"]),
        last=None if last is None else LastRefresh(outcome=last["outcome"], at=last["at"]),
        learned_life=item.get("learned_life"),
    )


def journal_to_map(journal: Journal) -> dict[str, object]:
    """Write the intent to call a provider."""
    return {"job": journal.job_id, "attempt": journal.attempt, "at": journal.at, "repeats": journal.repeats}


def _journal(entry: Mapping[str, Any]) -> Journal:
    return Journal(job_id=entry["job"], attempt=entry["attempt"], at=entry["at"], repeats=entry.get("repeats", 0))
