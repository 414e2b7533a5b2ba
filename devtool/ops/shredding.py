"""`ops keys shred`: delete a domain's keys, and see that its tokens open no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import CloakroomError, SealBroken
from chalicelib.model.branch_key import Shredded, WrappedKey, receipt_keys
from chalicelib.model.sealed import Older, SealedItem
from chalicelib.model.token import DEFAULT_SCOPE_NAME
from chalicelib.seal.keyring import SETTLED
from chalicelib.seal.receipts import Receipts
from chalicelib.seal.sealer import Sealer
from chalicelib.store.sealed_items import SealedItems
from devtool.errors import DevError
from devtool.ops import show
from devtool.ops.keys import newest_key
from devtool.ops.stage import now

if TYPE_CHECKING:
    from devtool.ops.stage import Stage

SAMPLE = 5
"""Tokens that are tried before and after."""

SAMPLE_PAGES = 40
"""Pages of the table that are looked at for them: 5,120 read units at the most."""

WHATEVER = b"\xff"
"""Whatever sealed a secret, its form is below this."""


def refuse(stage: Stage, environment: str, domain: str, *, with_credentials: bool) -> None:
    """Raise DevError where there is nothing to shred, or more than was asked for would be lost."""
    if not _is_half_done(stage, environment, domain):
        newest_key(stage, environment, domain)
    if with_credentials or not environment == domain == DEFAULT_SCOPE_NAME:
        return
    count = len(_with_credentials(stage))
    if count:
        raise DevError(
            f"default/default seals the credentials of {count} providers, too: they would have to be set again. "
            "If that is meant: --with-credentials"
        )


def shredded(stage: Stage, environment: str, domain: str, *, as_json: bool) -> None:
    """Delete all versions of a domain's key and prove it on tokens that opened before.

    Raises DevError when one of them still opens.
    """
    sample = _sample(stage, environment, domain)
    opened = [item for item in sample if _opens(stage, item)]
    provable = _receipt_keys(stage, environment, domain)
    try:
        deleted = stage.branch_keys.shred(environment, domain, now())
    except CloakroomError as error:
        raise DevError(f"not shredded, or in part: {error.detail or error.code}. Type it again") from None
    still = sum(_opens(stage, item) for item in opened)
    row: show.Row = {
        "shredded": f"{environment}/{domain}",
        "versions": deleted,
        "tokens tried": len(sample),
        "opened before": len(opened),
        "open now": still,
        "receipts verify": provable,
        "processes forget by": show.when(now() + SETTLED),
    }
    show.rows([row], as_json=as_json, nothing="")
    if still:
        raise DevError(f"{still} of its tokens still open: somebody restored a key meanwhile. Type it again")


def _receipt_keys(stage: Stage, environment: str, domain: str) -> str:
    """Say of how many versions receipts can be verified afterwards, having derived what nobody had yet.

    Not a reason to keep the keys: where KMS does not give one, it is shredded with its public key unknown.
    """
    try:
        kept = Receipts(stage.branch_keys, stage.keyring()).complete(environment, domain)
    except CloakroomError:
        kept = stage.branch_keys.versions(environment, domain)
    versions = [one.version for one in kept if isinstance(one, WrappedKey)]
    public = receipt_keys(kept)
    return f"{sum(version in public for version in versions)} of {len(versions)} versions"


def _is_half_done(stage: Stage, environment: str, domain: str) -> bool:
    """Tell whether an earlier shredding was interrupted: its mark is there, and keys below it."""
    kept = stage.branch_keys.versions(environment, domain)
    return len(kept) > 1 and isinstance(kept[-1], Shredded)


def _with_credentials(stage: Stage) -> list[str]:
    names, after = [], None
    while True:
        page, after = stage.providers.page(limit=100, after=after)
        names += [provider.name for provider in page if provider.has_credential]
        if after is None:
            return names


def _sample(stage: Stage, environment: str, domain: str) -> list[SealedItem]:
    wanted = Older(environment=environment, domain=domain, than=WHATEVER)
    items, found, after = SealedItems(stage.table), [], None
    for _ in range(SAMPLE_PAGES):
        page = items.page(wanted, 0, 1, after)
        found += [one for one in page.found if isinstance(one, SealedItem)]
        after = page.last
        if after is None or len(found) >= SAMPLE:
            break
    return found[:SAMPLE]


def _opens(stage: Stage, item: SealedItem) -> bool:
    """Tell whether a secret opens in a process that remembers nothing; the secret itself goes nowhere."""
    try:
        Sealer(stage.keyring()).open(item.sealed, item.place, item.id)
    except SealBroken:
        return False
    return True
