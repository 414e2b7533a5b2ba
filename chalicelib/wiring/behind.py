"""What happens behind the 202: the stream's consumers, the worker, the schedules."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib import log
from chalicelib.wiring import system
from chalicelib.wiring.answering import Answering

if TYPE_CHECKING:
    from chalicelib.notify.tell import Teller
    from chalicelib.process.handlers import Advance, Notify, Reporting, Work
    from chalicelib.process.importing import Importing
    from chalicelib.process.reseal import Reseal
    from chalicelib.process.steps import Steps
    from chalicelib.process.sweep import Sweep
    from chalicelib.process.together import Together
    from chalicelib.renew.attempt import Refresh
    from chalicelib.renew.oauth import OAuth
    from chalicelib.renew.providers import TrustedProviders
    from chalicelib.renew.revoke import Revocation
    from chalicelib.renew.schedule import Schedule
    from chalicelib.renew.settle import Settling
    from chalicelib.store.limits import Limits


class Behind(Answering):
    """The verbs behind the event handlers. They begin refreshes and settle tokens as the routes do."""

    @cached_property
    def steps(self) -> Steps:
        """Moves jobs on."""
        from chalicelib.process.steps import Steps  # noqa: PLC0415

        return Steps(settle=self.settling, queue=self.queue, now=system.now, fact=log.fact)

    @cached_property
    def settling(self) -> Settling:
        """Settles tokens."""
        from chalicelib.renew.settle import Settling  # noqa: PLC0415

        return Settling(jobs=self.jobs, providers=self.known_providers, new_id=system.new_id)

    @cached_property
    def advance(self) -> Advance:
        """The stream's first consumer."""
        from chalicelib.process.handlers import Advance  # noqa: PLC0415
        from chalicelib.store.records import read_record  # noqa: PLC0415

        reporting = self._reporting("advance")
        return Advance(read=read_record, steps=self.steps, reporting=reporting, together=self._together())

    @cached_property
    def notify(self) -> Notify:
        """The stream's second consumer."""
        from chalicelib.process.handlers import Notify  # noqa: PLC0415
        from chalicelib.store.records import read_record  # noqa: PLC0415

        return Notify(read=read_record, tell=self.teller.tell, reporting=self._reporting("notify"))

    @cached_property
    def teller(self) -> Teller:
        """Pushes changes."""
        from chalicelib.notify.tell import Teller  # noqa: PLC0415

        return Teller(
            registry=self.connections,
            open_jobs=self.open_jobs,
            known=self.known_access,
            talks=self.talks,
            pool=self.pushing_pool,
            now=system.now,
            fact=log.fact,
        )

    @cached_property
    def work(self) -> Work:
        """The queue's consumer."""
        from chalicelib.process.handlers import Work  # noqa: PLC0415
        from chalicelib.process.worker import Worker  # noqa: PLC0415

        worker = Worker(
            outcomes=self.jobs,
            leases=self.leases,
            queue=self.queue,
            refresh=self.refresh,
            revoke=self.revocation,
            settle=self.settling,
            reseal=lambda job: self.reseal(job),  # noqa: PLW0108  rare, and a price of its own
            importing=lambda job: self.importing(job),  # noqa: PLW0108  its threads and S3 are an import's price alone
            now=system.now,
            chance=system.chance,
            owner=os.urandom(8).hex(),
            fact=log.fact,
            failure=log.failure,
        )
        return Work(worker=worker, reporting=self._reporting("work"))

    @cached_property
    def refresh(self) -> Refresh:
        """Refreshes tokens at their providers."""
        from chalicelib.renew.attempt import Refresh  # noqa: PLC0415

        return Refresh(
            tokens=self.jobs,
            renewals=self.renewals,
            sealer=self.sealer,
            providers=self.trusted_providers,
            endpoints=self.endpoints,
            limits=self.limits,
            now=system.now,
            pause=time.sleep,
            fact=log.fact,
        )

    @cached_property
    def revocation(self) -> Revocation:
        """Revokes tokens at their providers."""
        from chalicelib.renew.revoke import Revocation  # noqa: PLC0415

        return Revocation(
            tokens=self.jobs,
            sealer=self.sealer,
            providers=self.trusted_providers,
            endpoints=self.endpoints,
            limits=self.limits,
        )

    @cached_property
    def trusted_providers(self) -> TrustedProviders:
        """The same, with their credentials."""
        from chalicelib.renew.providers import TrustedProviders  # noqa: PLC0415

        return TrustedProviders(self.known_providers, self.sealer)

    @cached_property
    def endpoints(self) -> OAuth:
        """The providers' endpoints."""
        from chalicelib.renew.oauth import OAuth  # noqa: PLC0415

        return OAuth(outside=self.outside, now=system.now, new_id=system.new_id)

    @cached_property
    def limits(self) -> Limits:
        """What the providers bear."""
        from chalicelib.store.limits import Limits  # noqa: PLC0415

        return Limits(self.table, now=system.now, pause=time.sleep, chance=system.chance)

    @cached_property
    def reseal(self) -> Reseal:
        """Seals anew what older versions of a key sealed."""
        from chalicelib.process.reseal import Reseal  # noqa: PLC0415
        from chalicelib.seal.keyring import SETTLED  # noqa: PLC0415
        from chalicelib.store.sealed_items import SealedItems  # noqa: PLC0415

        return Reseal(
            items=SealedItems(self.table),
            leases=self.leases,
            sealer=self.sealer,
            settled=SETTLED,
            pool=self.settling_pool,
            now=system.now,
            pause=time.sleep,
            fact=log.fact,
            failure=log.failure,
        )

    @cached_property
    def importing(self) -> Importing:
        """Does imports."""
        from chalicelib.wiring.imports import importing  # noqa: PLC0415

        client = system.files_client(read_timeout=10)
        return importing(
            client,
            self.settings,
            self.imports,
            sealer=self.sealer,
            leases=self.leases,
            providers=self.known_providers,
            now=system.now,
        )

    @cached_property
    def schedule(self) -> Schedule:
        """Begins the refreshes that are due."""
        from chalicelib.renew.schedule import Schedule  # noqa: PLC0415
        from chalicelib.store.refresh_due import RefreshDue  # noqa: PLC0415

        return Schedule(
            index=RefreshDue(self.table),
            tokens=self.jobs,
            refresher=self.refresher,
            pool=self.settling_pool,
            now=system.now,
            fact=log.fact,
            failure=log.failure,
        )

    @cached_property
    def sweep(self) -> Sweep:
        """Looks after overdue jobs."""
        from chalicelib.process.sweep import Sweep  # noqa: PLC0415

        return Sweep(
            index=self.open_jobs,
            leases=self.leases,
            queue=self.queue,
            pool=self.settling_pool,
            now=system.now,
            fact=log.fact,
            failure=log.failure,
        )

    def _together(self) -> Together:
        from chalicelib.process.together import Together  # noqa: PLC0415
        from chalicelib.renew.settle import Plans  # noqa: PLC0415
        from chalicelib.store.records import read_record  # noqa: PLC0415

        return Together(
            read=read_record,
            plan=Plans(providers=self.known_providers).settlement,
            settle=self.jobs.settle_together,
            settled=self.steps.settled,
            pool=self.settling_pool,
            now=system.now,
            fact=log.fact,
            failure=log.failure,
        )

    def _reporting(self, source: str) -> Reporting:
        from chalicelib.process.handlers import Reporting  # noqa: PLC0415
        from chalicelib.store.quarantine import Quarantine  # noqa: PLC0415

        return Reporting(
            source=source,
            mode=self.settings.event_failures,
            pool=self.settling_pool,
            quarantine=Quarantine(self.table),
            now=system.now,
            fact=log.fact,
            failure=log.failure,
        )
