"""What answers requests: taking in, handing out, deleting, letting in."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib import log
from chalicelib.config import NO_USAGE_KEYS
from chalicelib.wiring import system
from chalicelib.wiring.stores import Stores

if TYPE_CHECKING:
    from chalicelib.admit.explain import Explainer
    from chalicelib.admit.metering import Meter
    from chalicelib.admit.standing import Standing
    from chalicelib.admit.verifiers import Verifiers
    from chalicelib.collect.audit import Auditor
    from chalicelib.collect.lists import Lists
    from chalicelib.collect.read import Counter
    from chalicelib.collect.reconcile import Reconciler
    from chalicelib.collect.refused_lines import RefusedLines
    from chalicelib.intake.accept import Intake
    from chalicelib.intake.control import Control
    from chalicelib.intake.delete import Deletion
    from chalicelib.intake.imports import Reception
    from chalicelib.intake.policies import Rulebook
    from chalicelib.intake.providers import Registrar
    from chalicelib.intake.receipts import Notary
    from chalicelib.intake.revocations import Warden
    from chalicelib.notify.door import Door, Usher
    from chalicelib.notify.hearing import Hearing
    from chalicelib.outbound.cache import Shelf
    from chalicelib.renew.begin import Refresher
    from chalicelib.renew.providers import KnownProviders
    from chalicelib.seal.receipts import Receipts
    from chalicelib.store.imports import Imports


class Answering(Stores):
    """The verbs behind the routes, the authorizer and the sockets."""

    @cached_property
    def intake(self) -> Intake:
        """Takes tokens in."""
        from chalicelib.intake.accept import Intake  # noqa: PLC0415
        from chalicelib.store.deposits import Deposits  # noqa: PLC0415

        return Intake(deposits=Deposits(self.table), sealer=self.sealer, now=system.now, new_id=system.new_id)

    @cached_property
    def deletion(self) -> Deletion:
        """Takes tokens from their readers."""
        from chalicelib.intake.delete import Deletion  # noqa: PLC0415

        return Deletion(tokens=self.jobs, now=system.now, new_id=system.new_id)

    @cached_property
    def counter(self) -> Counter:
        """Hands out."""
        from chalicelib.collect.read import Counter  # noqa: PLC0415
        from chalicelib.store.tokens import CurrentTokens  # noqa: PLC0415

        return Counter(
            jobs=self.jobs,
            tokens=CurrentTokens(self.table),
            opener=self.sealer,
            refresher=self.refresher,
            audit=self.trail,
            now=system.now,
            new_id=system.new_id,
        )

    @cached_property
    def lists(self) -> Lists:
        """Lists jobs."""
        from chalicelib.collect.lists import Lists  # noqa: PLC0415
        from chalicelib.store.job_lists import JobLists  # noqa: PLC0415

        return Lists(jobs=JobLists(self.table, self.settling_pool))

    @cached_property
    def refresher(self) -> Refresher:
        """Begins refreshes."""
        from chalicelib.renew.begin import Refresher  # noqa: PLC0415

        return Refresher(
            tokens=self.jobs,
            renewals=self.renewals,
            providers=self.known_providers,
            audit=self.trail,
            now=system.now,
            new_id=system.new_id,
        )

    @cached_property
    def auditor(self) -> Auditor:
        """Writes down what else is done and refused, and shows what was."""
        from chalicelib.collect.audit import Auditor  # noqa: PLC0415
        from chalicelib.store.audit import AuditLists  # noqa: PLC0415

        return Auditor(
            audit=self.trail,
            lists=AuditLists(self.table, self.settling_pool),
            now=system.now,
            new_id=system.new_id,
            failure=log.failure,
        )

    @cached_property
    def reconciler(self) -> Reconciler:
        """Proves what became of accepted tokens."""
        from chalicelib.collect.reconcile import Reconciler  # noqa: PLC0415
        from chalicelib.store.audit import AuditLists  # noqa: PLC0415
        from chalicelib.store.job_lists import JobLists  # noqa: PLC0415
        from chalicelib.store.reckoning import Reckoning  # noqa: PLC0415

        pool = self.settling_pool
        return Reconciler(
            jobs=JobLists(self.table, pool),
            entries=AuditLists(self.table, pool),
            stored=Reckoning(self.table),
            now=system.now,
        )

    @cached_property
    def known_providers(self) -> KnownProviders:
        """The providers as they are configured."""
        from chalicelib.renew.providers import KnownProviders  # noqa: PLC0415

        return KnownProviders(self.providers, system.now)

    @cached_property
    def control(self) -> Control:
        """Stops jobs and sends them round again."""
        from chalicelib.intake.control import Control  # noqa: PLC0415

        return Control(jobs=self.jobs, leases=self.leases, now=system.now)

    @cached_property
    def registrar(self) -> Registrar:
        """Sets providers up."""
        from chalicelib.intake.providers import Registrar  # noqa: PLC0415

        return Registrar(providers=self.providers, sealer=self.sealer, outside=self.outside, now=system.now)

    @cached_property
    def rulebook(self) -> Rulebook:
        """Gives groups their policies."""
        from chalicelib.intake.policies import Rulebook  # noqa: PLC0415

        return Rulebook(policies=self.policies)

    @cached_property
    def standing(self) -> Standing:
        """Looks again at callers that were admitted a while ago."""
        from chalicelib.admit.standing import Standing  # noqa: PLC0415

        return Standing(
            access=lambda: self.known_access.current(),  # noqa: PLW0108  its client is not made before it is needed
            since=lambda moment: self.known_access.since(moment),  # noqa: PLW0108
            policies_of=lambda groups: self.policies.of(groups),  # noqa: PLW0108
            now=system.now,
            because=lambda code: log.add(because=code),
        )

    @cached_property
    def warden(self) -> Warden:
        """Ends access before its time, and gives it back."""
        from chalicelib.intake.revocations import Warden  # noqa: PLC0415

        return Warden(revocations=self.revocations, now=system.now, changed=self.known_access.forget)

    @cached_property
    def reception(self) -> Reception:
        """Takes imports in."""
        from chalicelib.wiring.imports import reception  # noqa: PLC0415

        client = system.files_client(read_timeout=3)
        imports = self.imports
        return reception(client, self.settings, imports, sealer=self.sealer, now=system.now, new_id=system.new_id)

    @cached_property
    def imports(self) -> Imports:
        """The imports, their tokens and refused lines."""
        from chalicelib.store.imports import Imports  # noqa: PLC0415

        return Imports(self.table, self.trail)

    @cached_property
    def receipts(self) -> Receipts:
        """Publishes what verifies receipts."""
        from chalicelib.seal.receipts import Receipts  # noqa: PLC0415

        return Receipts(self.branch_keys, self.keyring)

    @cached_property
    def notary(self) -> Notary:
        """Holds bodies against receipts."""
        from chalicelib.intake.receipts import Notary  # noqa: PLC0415

        return Notary(deposits=self.jobs, receipts=self.receipts, marker=self.sealer)

    @cached_property
    def refused_lines(self) -> RefusedLines:
        """Lists what an import refused."""
        from chalicelib.collect.refused_lines import RefusedLines  # noqa: PLC0415

        return RefusedLines(jobs=self.jobs, imports=self.imports)

    @cached_property
    def usher(self) -> Usher:
        """Gives tickets out."""
        from chalicelib.notify.door import Usher  # noqa: PLC0415

        return Usher(tickets=self.tickets, jobs=self.jobs, now=system.now, new_ticket=system.new_ticket)

    @cached_property
    def door(self) -> Door:
        """Lets connections in, and lets them go."""
        from chalicelib.notify.door import Door  # noqa: PLC0415

        return Door(
            tickets=self.tickets,
            registry=self.connections,
            known=self.known_access,
            now=system.now,
            fact=log.fact,
        )

    @cached_property
    def hearing(self) -> Hearing:
        """Answers what connections say."""
        from chalicelib.notify.hearing import Hearing  # noqa: PLC0415

        return Hearing(
            registry=self.connections,
            open_jobs=self.open_jobs,
            known=self.known_access,
            post=self.post,
            hang_up=self.post.hang_up,
            now=system.now,
            fact=log.fact,
        )

    @cached_property
    def verifier(self) -> Verifiers:
        """Verifies bearer tokens of all issuers. Raises Misconfigured."""
        return self._verifiers(self.cache)

    @cached_property
    def explainer(self) -> Explainer:
        """Tells why a request is answered as it is. It reads the keys that the authorizers keep, and asks no issuer."""
        from chalicelib.admit.explain import Explainer  # noqa: PLC0415
        from chalicelib.web import requests  # noqa: PLC0415

        return Explainer(
            verifier=self._verifiers(self.cache.to_read()),
            policies=self.policies,
            access=lambda: self.known_access.since(system.now()),
            service=requests,
            things=self.jobs,
            now=system.now,
        )

    def _verifiers(self, shelf: Shelf) -> Verifiers:
        from chalicelib.admit.issuers import read_issuers, short_form  # noqa: PLC0415
        from chalicelib.admit.verifiers import verifiers_of  # noqa: PLC0415

        settings, short = self.settings, None
        if settings.jwt_issuer:
            short = short_form(
                issuer=settings.jwt_issuer,
                audience=settings.jwt_audience,
                jwks_url=settings.jwks_url,
                groups_claim=settings.jwt_groups_claim,
            )
        issuers = read_issuers(settings.issuers, short)
        return verifiers_of(issuers, shelf, clock=time.time, pause=time.sleep, log=log.fact)

    @cached_property
    def meter(self) -> Meter | None:
        """Names the API key that a client's requests are counted by, where there are usage plans."""
        from chalicelib.admit.metering import Meter  # noqa: PLC0415

        prefix = self.settings.usage_keys
        return None if prefix == NO_USAGE_KEYS else Meter(prefix=prefix, clients=self.settings.clients)
