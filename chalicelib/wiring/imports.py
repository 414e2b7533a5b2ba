"""What imports alone need, wired: `wiring` asks for it where a request or a job is an import."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from chalicelib import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.config import Settings
    from chalicelib.intake.imports import Reception
    from chalicelib.process.importing import Importing
    from chalicelib.renew.providers import KnownProviders
    from chalicelib.seal.sealer import Sealer
    from chalicelib.store.imports import Imports
    from chalicelib.store.leases import Leases

IMPORTING_THREADS = 8
"""Transactions of one import at the same time: a chunk's. Not the settling threads, on one of which the import runs."""


def reception(
    client: Any,
    settings: Settings,
    imports: Imports,
    *,
    sealer: Sealer,
    now: Callable[[], int],
    new_id: Callable[[], str],
) -> Reception:
    """Return what takes imports in. `client` is boto3's for S3."""
    from chalicelib.intake.imports import Reception  # noqa: PLC0415
    from chalicelib.store.files import Files  # noqa: PLC0415

    return Reception(
        imports=imports,
        files=Files(client, settings.imports_bucket),
        marker=sealer,
        now=now,
        new_id=new_id,
        failure=log.failure,
    )


def importing(
    client: Any,
    settings: Settings,
    imports: Imports,
    *,
    sealer: Sealer,
    leases: Leases,
    providers: KnownProviders,
    now: Callable[[], int],
) -> Importing:
    """Return what does imports. `client` is boto3's for S3."""
    from chalicelib.intake.bodies import LARGEST_BODY  # noqa: PLC0415
    from chalicelib.intake.lines import LineReader  # noqa: PLC0415
    from chalicelib.process.importing import Importing  # noqa: PLC0415
    from chalicelib.renew.settle import Plans  # noqa: PLC0415
    from chalicelib.store.files import Files  # noqa: PLC0415

    return Importing(
        imports=imports,
        files=Files(client, settings.imports_bucket),
        leases=leases,
        plans=Plans(providers=providers),
        read_line=LineReader(sealer=sealer),
        longest=LARGEST_BODY,
        pool=ThreadPoolExecutor(IMPORTING_THREADS, thread_name_prefix="import"),
        now=now,
        fact=log.fact,
        failure=log.failure,
    )
