"""The one place that opens AWS clients, reads the clock and the settings, and mints ids. All of it lazily: a function
opens what it uses and nothing else.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib import log
from chalicelib.config import Settings, read_settings

if TYPE_CHECKING:
    from chalicelib.admit.bearer import Verifier
    from chalicelib.collect.lists import Lists
    from chalicelib.collect.read import Counter
    from chalicelib.collect.refused_lines import RefusedLines
    from chalicelib.intake.accept import Intake
    from chalicelib.intake.control import Control
    from chalicelib.intake.delete import Deletion
    from chalicelib.intake.imports import Reception
    from chalicelib.intake.providers import Registrar
    from chalicelib.notify.post import ConnectionsApi
    from chalicelib.notify.sockets import Sockets, Usher
    from chalicelib.notify.tell import Teller
    from chalicelib.outbound.http import Outside
    from chalicelib.process.handlers import Advance, Notify, Reporting, Work
    from chalicelib.process.importing import Importing
    from chalicelib.process.messages import WorkQueue
    from chalicelib.process.reseal import Reseal
    from chalicelib.process.steps import Steps
    from chalicelib.process.sweep import Sweep
    from chalicelib.renew.attempt import Refresh
    from chalicelib.renew.begin import Refresher
    from chalicelib.renew.oauth import OAuth
    from chalicelib.renew.providers import KnownProviders, TrustedProviders
    from chalicelib.renew.revoke import Revocation
    from chalicelib.renew.schedule import Schedule
    from chalicelib.renew.settle import Settling
    from chalicelib.seal.sealer import Sealer
    from chalicelib.store.cached import CachedDocuments
    from chalicelib.store.connections import Connections
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.leases import Leases
    from chalicelib.store.limits import Limits
    from chalicelib.store.open_jobs import OpenJobs
    from chalicelib.store.policies import Policies
    from chalicelib.store.providers import Providers
    from chalicelib.store.renewals import Renewals
    from chalicelib.store.table import Table
    from chalicelib.store.tickets import Tickets

SETTLING_THREADS = 8
PUSHING_THREADS = 32


def now() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1_000


def new_ticket() -> str:
    """Return 256 random bits as text that fits a query string."""
    return secrets.token_urlsafe(32)


class Wiring:
    """Everything a handler may ask for, each thing made when it is first asked for and then kept."""

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises Misconfigured naming what is missing."""
        return read_settings(os.environ)

    @cached_property
    def intake(self) -> Intake:
        """Takes tokens in."""
        from chalicelib.intake.accept import Intake  # noqa: PLC0415

        return Intake(deposits=self.jobs, sealer=self.sealer, now=now, new_id=self._new_id)

    @cached_property
    def deletion(self) -> Deletion:
        """Takes tokens from their readers."""
        from chalicelib.intake.delete import Deletion  # noqa: PLC0415

        return Deletion(tokens=self.jobs, now=now, new_id=self._new_id)

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
            now=now,
        )

    @cached_property
    def refresher(self) -> Refresher:
        """Begins refreshes."""
        from chalicelib.renew.begin import Refresher  # noqa: PLC0415

        return Refresher(
            tokens=self.jobs, renewals=self.renewals, providers=self.known_providers, now=now, new_id=self._new_id
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
            now=now,
            fact=log.fact,
            failure=log.failure,
        )

    @cached_property
    def renewals(self) -> Renewals:
        """The tokens' refreshes."""
        from chalicelib.store.renewals import Renewals  # noqa: PLC0415

        return Renewals(self.table)

    @cached_property
    def known_providers(self) -> KnownProviders:
        """The providers as they are configured."""
        from chalicelib.renew.providers import KnownProviders  # noqa: PLC0415

        return KnownProviders(self.providers, now)

    @cached_property
    def trusted_providers(self) -> TrustedProviders:
        """The same, with their credentials."""
        from chalicelib.renew.providers import TrustedProviders  # noqa: PLC0415

        return TrustedProviders(self.known_providers, self.sealer)

    @cached_property
    def settling(self) -> Settling:
        """Settles tokens."""
        from chalicelib.renew.settle import Settling  # noqa: PLC0415

        return Settling(jobs=self.jobs, providers=self.known_providers, new_id=self._new_id)

    @cached_property
    def lists(self) -> Lists:
        """Lists jobs."""
        from chalicelib.collect.lists import Lists  # noqa: PLC0415
        from chalicelib.store.job_lists import JobLists  # noqa: PLC0415

        return Lists(jobs=JobLists(self.table, self.settling_pool))

    @cached_property
    def steps(self) -> Steps:
        """Moves jobs on."""
        from chalicelib.process.steps import Steps  # noqa: PLC0415

        return Steps(settle=self.settling, queue=self.queue, now=now, fact=log.fact)

    @cached_property
    def queue(self) -> WorkQueue:
        """The queue of work that may call anybody else."""
        from chalicelib.process.messages import WorkQueue  # noqa: PLC0415

        return WorkQueue(_client("sqs"), self.settings.queue_url)

    @cached_property
    def leases(self) -> Leases:
        """The open jobs, as claimants and the sweep write them."""
        from chalicelib.store.leases import Leases  # noqa: PLC0415

        return Leases(self.table)

    @cached_property
    def advance(self) -> Advance:
        """The stream's first consumer."""
        from chalicelib.process.handlers import Advance  # noqa: PLC0415
        from chalicelib.store.records import read_record  # noqa: PLC0415

        return Advance(read=read_record, steps=self.steps, reporting=self._reporting("advance"))

    @cached_property
    def notify(self) -> Notify:
        """The stream's second consumer."""
        from chalicelib.process.handlers import Notify  # noqa: PLC0415
        from chalicelib.store.records import read_record  # noqa: PLC0415

        return Notify(read=read_record, tell=self.teller.tell, reporting=self._reporting("notify"))

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
            reseal=self.reseal,
            importing=lambda job: self.importing(job),  # noqa: PLW0108  its threads and S3 are an import's price alone
            now=now,
            chance=random.random,
            owner=secrets.token_hex(8),
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
            now=now,
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
            now=now,
            pause=time.sleep,
            fact=log.fact,
            failure=log.failure,
        )

    @cached_property
    def endpoints(self) -> OAuth:
        """The providers' endpoints."""
        from chalicelib.renew.oauth import OAuth  # noqa: PLC0415

        return OAuth(outside=self.outside, now=now, new_id=self._new_id)

    @cached_property
    def limits(self) -> Limits:
        """What the providers bear."""
        from chalicelib.store.limits import Limits  # noqa: PLC0415

        return Limits(self.table, now=now, pause=time.sleep, chance=random.random)

    @cached_property
    def reception(self) -> Reception:
        """Takes imports in."""
        from chalicelib.wiring_imports import reception  # noqa: PLC0415

        client = _files_client(read_timeout=3)
        return reception(client, self.settings, self.table, sealer=self.sealer, now=now, new_id=self._new_id)

    @cached_property
    def refused_lines(self) -> RefusedLines:
        """Lists what an import refused."""
        from chalicelib.collect.refused_lines import RefusedLines  # noqa: PLC0415
        from chalicelib.store.imports import Imports  # noqa: PLC0415

        return RefusedLines(jobs=self.jobs, imports=Imports(self.table))

    @cached_property
    def importing(self) -> Importing:
        """Does imports."""
        from chalicelib.wiring_imports import importing  # noqa: PLC0415

        client = _files_client(read_timeout=10)
        return importing(
            client,
            self.settings,
            self.table,
            sealer=self.sealer,
            leases=self.leases,
            providers=self.known_providers,
            now=now,
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
            now=now,
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
            now=now,
            fact=log.fact,
            failure=log.failure,
        )

    @cached_property
    def control(self) -> Control:
        """Stops jobs and sends them round again."""
        from chalicelib.intake.control import Control  # noqa: PLC0415

        return Control(jobs=self.jobs, leases=self.leases, now=now)

    @cached_property
    def registrar(self) -> Registrar:
        """Sets providers up."""
        from chalicelib.intake.providers import Registrar  # noqa: PLC0415

        return Registrar(providers=self.providers, sealer=self.sealer, outside=self.outside, now=now)

    @cached_property
    def providers(self) -> Providers:
        """The providers."""
        from chalicelib.store.providers import Providers  # noqa: PLC0415

        return Providers(self.table)

    @cached_property
    def outside(self) -> Outside:
        """The way to outsiders. Its TLS context is this process's one."""
        from chalicelib.outbound.http import Outside  # noqa: PLC0415

        return Outside(allow_private=self.settings.private_providers == "allow")

    @cached_property
    def teller(self) -> Teller:
        """Pushes changes."""
        from chalicelib.notify.tell import Teller  # noqa: PLC0415

        return Teller(
            registry=self.connections,
            open_jobs=self.open_jobs,
            post=self.post,
            hang_up=self.post.hang_up,
            pool=self.pushing_pool,
            now=now,
            fact=log.fact,
        )

    @cached_property
    def usher(self) -> Usher:
        """Gives tickets out."""
        from chalicelib.notify.sockets import Usher  # noqa: PLC0415

        return Usher(tickets=self.tickets, jobs=self.jobs, now=now, new_ticket=new_ticket)

    @cached_property
    def sockets(self) -> Sockets:
        """Lets connections in, answers them, lets them go."""
        from chalicelib.notify.sockets import Sockets  # noqa: PLC0415

        return Sockets(
            tickets=self.tickets,
            registry=self.connections,
            open_jobs=self.open_jobs,
            post=self.post,
            now=now,
        )

    @cached_property
    def verifier(self) -> Verifier:
        """Verifies bearer tokens."""
        from chalicelib.admit.bearer import Verifier  # noqa: PLC0415
        from chalicelib.admit.jwks import Keys  # noqa: PLC0415

        return Verifier(
            issuer=self.settings.jwt_issuer,
            audience=self.settings.jwt_audience,
            jwks=Keys(self.settings.jwks_url, self.cache, clock=time.time, pause=time.sleep, log=log.fact),
            groups_claim=self.settings.jwt_groups_claim,
            clock=time.time,
        )

    @cached_property
    def cache(self) -> CachedDocuments:
        """What outsiders published. Its table is given up after a second, once: the outsider can be asked instead."""
        from chalicelib.store.cached import CachedDocuments  # noqa: PLC0415
        from chalicelib.store.table import Table  # noqa: PLC0415

        return CachedDocuments(Table(_client("dynamodb", tries=1, read_timeout=1), self.settings.table_name))

    @cached_property
    def policies(self) -> Policies:
        """The groups' policies."""
        from chalicelib.store.policies import Policies  # noqa: PLC0415

        return Policies(self.table, now)

    @cached_property
    def sealer(self) -> Sealer:
        """Seals and opens. Its keyring is this process's memory of keys: one a process."""
        from chalicelib.seal.keyring import Keyring  # noqa: PLC0415
        from chalicelib.seal.kms import KmsWrapper  # noqa: PLC0415
        from chalicelib.seal.sealer import Sealer  # noqa: PLC0415
        from chalicelib.store.branch_keys import BranchKeys  # noqa: PLC0415

        wrapper = KmsWrapper(_client("kms"), self.settings.kms_key_id)
        return Sealer(Keyring(BranchKeys(self.table), wrapper, now))

    @cached_property
    def table(self) -> Table:
        """The table."""
        from chalicelib.store.table import Table  # noqa: PLC0415

        return Table(_client("dynamodb"), self.settings.table_name)

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs and deposits."""
        from chalicelib.store.jobs import Jobs  # noqa: PLC0415

        return Jobs(self.table)

    @cached_property
    def tickets(self) -> Tickets:
        """The tickets."""
        from chalicelib.store.tickets import Tickets  # noqa: PLC0415

        return Tickets(self.table)

    @cached_property
    def connections(self) -> Connections:
        """The connection registry."""
        from chalicelib.store.connections import Connections  # noqa: PLC0415

        return Connections(self.table)

    @cached_property
    def open_jobs(self) -> OpenJobs:
        """The index of open jobs."""
        from chalicelib.store.open_jobs import OpenJobs  # noqa: PLC0415

        return OpenJobs(self.table)

    @cached_property
    def post(self) -> ConnectionsApi:
        """The way to a socket. Not tried twice: a slow client must not cost its neighbours more than one time-out."""
        from chalicelib.notify.post import ConnectionsApi  # noqa: PLC0415

        endpoint = self.settings.websocket_management_url
        return ConnectionsApi(_client("apigatewaymanagementapi", endpoint_url=endpoint, tries=1, read_timeout=2))

    @cached_property
    def settling_pool(self) -> ThreadPoolExecutor:
        """Threads for the table. Kept across invocations, as their connections are."""
        return ThreadPoolExecutor(SETTLING_THREADS, thread_name_prefix="settle")

    @cached_property
    def pushing_pool(self) -> ThreadPoolExecutor:
        """Threads for the sockets."""
        return ThreadPoolExecutor(PUSHING_THREADS, thread_name_prefix="push")

    @property
    def _new_id(self) -> Any:
        from chalicelib.model.ids import id_from  # noqa: PLC0415

        return lambda: id_from(secrets.token_bytes(16))


def _client(
    service: str,
    *,
    endpoint_url: str | None = None,
    tries: int = 3,
    read_timeout: float = 3,
    **options: Any,
) -> Any:
    """Return a boto3 client that gives up inside a request's time: 1 s to connect, `read_timeout` to answer."""
    import boto3  # noqa: PLC0415  170 ms of a cold start that /openapi.json and the tests of pure code need not pay
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": tries},
        **options,
        max_pool_connections=max(SETTLING_THREADS, PUSHING_THREADS),
    )
    return boto3.client(service, config=config, endpoint_url=endpoint_url)


def _files_client(*, read_timeout: float) -> Any:
    """Return a client for S3 whose forms name the bucket's region: the address without it redirects for a day after the
    bucket was made, and a browser or curl does not send a form twice. A stand-in for AWS has no names for buckets.
    """
    style = "path" if os.environ.get("AWS_ENDPOINT_URL") else "virtual"
    return _client("s3", read_timeout=read_timeout, signature_version="s3v4", s3={"addressing_style": style})


wired = Wiring()
"""This process's one wiring."""
