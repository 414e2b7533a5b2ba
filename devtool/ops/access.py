"""`ops access`: whose access was ended, ending it, and giving it back; for when nobody can log in."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from chalicelib.errors import NotFound
from chalicelib.model.access import Kind, Revocation, id_of, kind_of
from devtool.errors import DevError
from devtool.ops import show
from devtool.ops.stage import now

if TYPE_CHECKING:
    from devtool.ops.stage import Stage


def listed(stage: Stage, *, as_json: bool) -> None:
    """List the revocations, lapsed ones among them."""
    moment = now()
    found = [_row(one, moment) for one in stage.revocations.all().values()]
    show.rows(found, as_json=as_json, nothing="nobody's access was ended")


def revoked(stage: Stage, kind: Kind, name: str, why: str) -> str:
    """End an access until it is lifted; with SESSIONS that of bearers issued before now. Returns what was done."""
    moment = now()
    asked = Revocation(
        id=id_of(kind, name),
        kind=kind,
        name=name,
        by=f"operator {getpass.getuser()}",
        at=moment,
        why=why,
        issued_before=moment if kind is Kind.SESSIONS else None,
    )
    kept = stage.revocations.revoke(asked, moment)
    return f"revoked: within 5 seconds it counts everywhere; ./dev ops access lift {kept.id} gives it back"


def lifted(stage: Stage, revocation_id: str) -> str:
    """Give access back. Returns what was done. Raises DevError for what was never revoked."""
    unknown = DevError(f"there is no revocation {revocation_id}: see ./dev ops access list")
    if kind_of(revocation_id) is None:
        raise unknown
    try:
        stage.revocations.lift(revocation_id)
    except NotFound:
        raise unknown from None
    return "lifted: bearers that the authorizer denied meanwhile may stay denied for 300 seconds"


def _row(one: Revocation, moment: int) -> show.Row:
    return {
        "id": one.id,
        "what": one.kind,
        "name": one.name,
        "issued_before": show.when(one.issued_before or 0),
        "until": show.when(one.until or 0),
        "state": "lapsed" if one.has_lapsed(moment) else "counts",
        "made": show.ago(one.at, moment),
        "by": one.by,
        "why": one.why,
    }
