"""What everything else is made of: the settings, the clients, what is kept in the table."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib import log
from chalicelib.config import Settings, read_settings
from chalicelib.wiring import system

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from chalicelib.notify.post import ConnectionsApi
    from chalicelib.notify.talks import Talks
    from chalicelib.outbound.http import Outside
    from chalicelib.process.messages import WorkQueue
    from chalicelib.seal.keyring import Keyring
    from chalicelib.seal.sealer import Sealer
    from chalicelib.store.access import Revocations
    from chalicelib.store.branch_keys import BranchKeys
    from chalicelib.store.cached import CachedDocuments
    from chalicelib.store.connections import Connections
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.known_access import KnownAccess
    from chalicelib.store.leases import Leases
    from chalicelib.store.open_jobs import OpenJobs
    from chalicelib.store.policies import Policies
    from chalicelib.store.providers import Providers
    from chalicelib.store.renewals import Renewals
    from chalicelib.store.table import Table
    from chalicelib.store.tickets import Tickets
    from chalicelib.store.trail import Trail


class Stores:
    """The table, the queue, the keys, the sockets and outsiders, each as the code that speaks to it."""

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises Misconfigured naming what is missing."""
        return read_settings(os.environ)

    @cached_property
    def table(self) -> Table:
        """The table."""
        from chalicelib.store.table import Table  # noqa: PLC0415

        return Table(self.table_client, self.settings.table_name)

    @cached_property
    def table_client(self) -> Any:
        """What the table is asked by: one for all, so that its connections are."""
        return system.table_client()

    def _hurried_table(self, *, tries: int) -> Table:
        from chalicelib.store.table import Table  # noqa: PLC0415

        return Table(system.hurried(self.table_client, tries=tries, read_timeout=1), self.settings.table_name)

    @cached_property
    def cache(self) -> CachedDocuments:
        """What outsiders published. Its table is given up after a second, once: the outsider can be asked instead."""
        from chalicelib.store.cached import CachedDocuments  # noqa: PLC0415

        return CachedDocuments(self._hurried_table(tries=1))

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs and deposits."""
        from chalicelib.store.jobs import Jobs  # noqa: PLC0415

        return Jobs(self.table, self.trail)

    @cached_property
    def trail(self) -> Trail:
        """The audit, as it is written."""
        from chalicelib.store.trail import Trail  # noqa: PLC0415

        return Trail(self.table, days=self.settings.audit_days)

    @cached_property
    def leases(self) -> Leases:
        """The open jobs, as claimants and the sweep write them."""
        from chalicelib.store.leases import Leases  # noqa: PLC0415

        return Leases(self.table, self.trail)

    @cached_property
    def renewals(self) -> Renewals:
        """The tokens' refreshes."""
        from chalicelib.store.renewals import Renewals  # noqa: PLC0415

        return Renewals(self.table, self.trail)

    @cached_property
    def providers(self) -> Providers:
        """The providers."""
        from chalicelib.store.providers import Providers  # noqa: PLC0415

        return Providers(self.table)

    @cached_property
    def policies(self) -> Policies:
        """The groups' policies."""
        from chalicelib.store.policies import Policies  # noqa: PLC0415

        return Policies(self.table, system.now, lambda: self.known_access.current().epoch.policies)

    @cached_property
    def revocations(self) -> Revocations:
        """The revocations, for who writes them."""
        from chalicelib.store.access import Revocations  # noqa: PLC0415

        return Revocations(self.table)

    @cached_property
    def known_access(self) -> KnownAccess:
        """What this process knows of revocations. Its table is given up early: what is known serves for 5 s."""
        from chalicelib.store.access import Revocations  # noqa: PLC0415
        from chalicelib.store.known_access import KnownAccess  # noqa: PLC0415

        return KnownAccess(Revocations(self._hurried_table(tries=2)), system.now, log.fact)

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
    def queue(self) -> WorkQueue:
        """The queue of work that may call anybody else."""
        from chalicelib.process.messages import WorkQueue  # noqa: PLC0415

        return WorkQueue(system.queue_client(), self.settings.queue_url)

    @cached_property
    def branch_keys(self) -> BranchKeys:
        """The domains' keys, wrapped."""
        from chalicelib.store.branch_keys import BranchKeys  # noqa: PLC0415

        return BranchKeys(self.table)

    @cached_property
    def keyring(self) -> Keyring:
        """This process's memory of keys: one a process."""
        from chalicelib.seal.keyring import Keyring  # noqa: PLC0415
        from chalicelib.seal.kms import KmsWrapper  # noqa: PLC0415

        wrapper = KmsWrapper(self.keys_client, self.settings.kms_key_id)
        return Keyring(self.branch_keys, wrapper, system.now)

    @cached_property
    def keys_client(self) -> Any:
        """What KMS is asked by."""
        return system.keys_client()

    @cached_property
    def sealer(self) -> Sealer:
        """Seals and opens."""
        from chalicelib.seal.sealer import Sealer  # noqa: PLC0415

        return Sealer(self.keyring)

    @cached_property
    def post(self) -> ConnectionsApi:
        """The way to a socket."""
        from chalicelib.notify.post import ConnectionsApi  # noqa: PLC0415

        return ConnectionsApi(system.sockets_client(self.settings.websocket_management_url))

    @cached_property
    def talks(self) -> Talks:
        """The way to many sockets at once. Kept across invocations, as its connections are."""
        from chalicelib.aws.sockets import Sockets  # noqa: PLC0415
        from chalicelib.notify.post import ConnectionsApi  # noqa: PLC0415
        from chalicelib.notify.talks import InThreads  # noqa: PLC0415

        client = system.sockets_client(self.settings.websocket_management_url)
        if not isinstance(client, Sockets):  # boto3's
            post = ConnectionsApi(client)
            return InThreads(post=post, hang_up=post.hang_up, pool=self.pushing_pool)
        from chalicelib.aws.switchboard import Switchboard  # noqa: PLC0415
        from chalicelib.notify.side_by_side import SideBySide  # noqa: PLC0415

        return SideBySide(client, Switchboard(client.endpoint, self.pushing_pool), self.pushing_pool)

    @cached_property
    def outside(self) -> Outside:
        """The way to outsiders. Its TLS context is this process's one."""
        from chalicelib.outbound.http import Outside  # noqa: PLC0415

        return Outside(allow_private=self.settings.private_providers == "allow")

    @cached_property
    def settling_pool(self) -> ThreadPoolExecutor:
        """Threads for the table. Kept across invocations, as their connections are."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        return ThreadPoolExecutor(system.SETTLING_THREADS, thread_name_prefix="settle")

    @cached_property
    def pushing_pool(self) -> ThreadPoolExecutor:
        """Threads for the sockets."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        return ThreadPoolExecutor(system.PUSHING_THREADS, thread_name_prefix="push")
