"""`ops keys`: the versions of a domain's key, and adding one."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from chalicelib.errors import CloakroomError, Conflict
from chalicelib.model.branch_key import Shredded, WrappedKey
from chalicelib.model.ids import id_from
from chalicelib.model.job import Job, Type, errand
from chalicelib.model.names import domain_fault, environment_fault
from chalicelib.seal.keyring import KEEP_SECONDS, SETTLED
from chalicelib.store.branch_keys import RotatedKeys
from devtool.errors import DevError
from devtool.ops import show
from devtool.ops.stage import now

if TYPE_CHECKING:
    from devtool.ops.stage import Stage

OPERATOR = "ops"
"""Who asks for the job: whoever has the account's credentials, which are not the service's to know."""


def listed(stage: Stage, environment: str, domain: str, *, as_json: bool) -> None:
    """List the versions of a domain's key, oldest first; nothing of the keys themselves."""
    _check(environment, domain)
    kept = stage.branch_keys.versions(environment, domain)
    found: list[show.Row] = [
        {
            "version": one.version,
            "made": show.when(one.at if isinstance(one, Shredded) else one.made_at),
            "state": _state(one, is_newest=one is kept[-1]),
        }
        for one in kept
    ]
    show.rows(
        found, as_json=as_json, nothing=f"there is no key of {environment}/{domain}: no token was handed in there"
    )


def rotated(stage: Stage, environment: str, domain: str, *, as_json: bool) -> None:
    """Add a version to a domain's key, with the job that re-seals what older ones sealed.

    Raises DevError where there is no key, or somebody rotates it at the same moment.
    """
    newest_key(stage, environment, domain)
    items, jobs = stage.table.count_roughly(), []

    def job_of(key: WrappedKey) -> Job:
        asked = {"environment": environment, "domain": domain, "version": key.version, "items": items}
        job_id = id_from(secrets.token_bytes(16))
        jobs.append(errand(job_id, Type.RESEAL, requester=OPERATOR, now=now(), asked=asked))
        return jobs[-1]

    try:
        branch = stage.keyring(RotatedKeys(stage.branch_keys, job_of)).rotate(environment, domain)
    except Conflict:
        raise DevError(
            f"{environment}/{domain} was rotated by somebody else at this moment; see ./dev ops keys list"
        ) from None
    except CloakroomError as error:
        raise DevError(f"nothing was rotated: {error.detail or error.code}") from None
    moment = now()
    row: show.Row = {
        "version": branch.version,
        "job": jobs[-1].id,
        "seals everywhere": show.when(moment + KEEP_SECONDS * 1_000_000),
        "re-sealing begins": show.when(moment + SETTLED),
        "progress": f"./dev ops jobs show {jobs[-1].id}",
    }
    show.rows([row], as_json=as_json, nothing="")


def newest_key(stage: Stage, environment: str, domain: str) -> WrappedKey:
    """Return the newest version of a domain's key. Raises DevError where there is none."""
    _check(environment, domain)
    newest = stage.branch_keys.latest(environment, domain)
    if newest is None:
        raise DevError(f"there is no key of {environment}/{domain}: mistyped, or no token was handed in there")
    if isinstance(newest, Shredded):
        raise DevError(
            f"the keys of {environment}/{domain} were shredded at {show.when(newest.at)}; there is none since"
        )
    return newest


def confirm(environment: str, domain: str, typed: str | None) -> None:
    """Have the name of what is shredded typed, unless it was given. Raises DevError for another one."""
    wanted = f"{environment}/{domain}"
    if typed is None:
        sys.stderr.write(f"No token of {wanted} will ever open again.\nType {wanted} to shred it: ")
        sys.stderr.flush()
        typed = sys.stdin.readline().strip()
    if typed != wanted:
        raise DevError(f"nothing was shredded: that is not {wanted}")


def _check(environment: str, domain: str) -> None:
    fault = environment_fault(environment) or domain_fault(domain)
    if fault is not None:
        raise DevError(fault)


def _state(one: WrappedKey | Shredded, *, is_newest: bool) -> str:
    if isinstance(one, Shredded):
        return "shredded, with all before it"
    return "seals and opens" if is_newest else "opens"
