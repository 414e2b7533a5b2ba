"""The branch keys that this process holds: unwrapped once, kept for minutes.

    process ──► memory (KEEP_SECONDS) ──► table (wrapped key, check value) ──► KMS (unwrap)

KMS is asked once per key and process, not per token. The first token of a new (environment, domain) makes version 1,
the first behind a shredding the version above all that were shredded; `rotate` adds a version. A process notices a new
version when what it keeps has aged; until then it goes on sealing with the one it has, which opens for as long as the
version stays in the table.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import Conflict, KeyGone, SealBroken
from chalicelib.model.branch_key import Shredded, WrappedKey
from chalicelib.model.clock import SECOND
from chalicelib.seal.envelope import KEY_BYTES, BranchKey, check_value
from chalicelib.seal.receipt import public_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEEP_SECONDS = 300
"""How long an unwrapped key is used before table and KMS are asked again. So long may a new version go unnoticed, and
so long does a shredded one still open in a process that had it."""

SETTLED = (KEEP_SECONDS + 120) * SECOND
"""When nobody seals with the version before any more (microseconds behind a rotation): what a process keeps has aged,
the 60 s that a function may run between sealing and writing are over, and as much again for clocks and a slow KMS."""

RACES = 3

KEEP_COUNT = 1_000
"""How many keys a process keeps; the least recently used goes first. Domains are named by callers."""


class KeyStore(Protocol):
    """Where wrapped keys are kept."""

    def latest(self, environment: str, domain: str) -> WrappedKey | Shredded | None:
        """Return the newest version, what is left of shredded ones, or None before the first."""

    def version(self, environment: str, domain: str, version: int) -> WrappedKey | None:
        """Return one version."""

    def add(self, key: WrappedKey) -> None:
        """Keep a new version. Raises Conflict if that version exists."""


class KeyWrapper(Protocol):
    """KMS, or what stands in its place."""

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return a new 32-byte key and its wrapped form, bound to `context`."""

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key. Raises SealBroken if it was wrapped for another context."""


_Kept = OrderedDict[tuple[object, ...], tuple[BranchKey, int]]


class Keyring:
    """Branch keys by (environment, domain) and version. Safe to share among threads."""

    def __init__(self, store: KeyStore, wrapper: KeyWrapper, clock: Callable[[], int]) -> None:
        self._store = store
        self._wrapper = wrapper
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: _Kept = OrderedDict()
        self._versions: _Kept = OrderedDict()

    def current(self, environment: str, domain: str) -> BranchKey:
        """Return the key that seals now, making the domain's first if there is none.

        Raises Unavailable when the table or KMS does not answer, SealBroken when the key does not unwrap.
        """
        with self._lock:  # one lookup at a time: a burst of first requests must not ask KMS once each
            branch = self._kept(self._latest, (environment, domain))
            if branch is None:
                branch = self._newest(environment, domain)
                self._keep(self._latest, (environment, domain), branch)
            return branch

    def version(self, environment: str, domain: str, version: int) -> BranchKey:
        """Return the key that sealed a record of this version.

        Raises KeyGone when there is no such version: the domain's keys were shredded.
        """
        with self._lock:
            kept = self._kept(self._versions, (environment, domain, version))
            # Found as the newest later than it was first opened, the key seals on: then it must mark and sign, too.
            sealing = kept or self._kept(self._latest, (environment, domain))
            if sealing and sealing.version == version:
                return sealing
            wrapped = self._store.version(environment, domain, version)
            if wrapped is None:
                raise KeyGone(f"version {version} of this domain's key is gone")
            return self._opened(wrapped)

    def rotate(self, environment: str, domain: str) -> BranchKey:
        """Add a version, which seals from now on in this process and within KEEP_SECONDS in every other.

        Raises Conflict when another version was added at the same time.
        """
        with self._lock:
            branch = self._made(environment, domain, _next(self._store.latest(environment, domain)))
            self._keep(self._latest, (environment, domain), branch)
            return branch

    def _newest(self, environment: str, domain: str) -> BranchKey:
        for _ in range(RACES):
            newest = self._store.latest(environment, domain)
            if isinstance(newest, WrappedKey):
                return self._opened(newest)
            try:
                return self._made(environment, domain, _next(newest))
            except Conflict:
                continue  # another process was first; its key is the domain's
        raise Conflict("the domain's key was made and shredded too often meanwhile")

    def _made(self, environment: str, domain: str, version: int) -> BranchKey:
        key, wrapped = self._wrapper.generate(_context(environment, domain, version))
        branch = BranchKey(environment=environment, domain=domain, version=version, key=key)
        self._store.add(
            WrappedKey(
                environment=environment,
                domain=domain,
                version=version,
                wrapped=wrapped,
                check=check_value(branch),
                made_at=self._clock(),
                receipt_key=public_key(branch),
            )
        )
        self._keep(self._versions, (environment, domain, version), branch)
        return branch

    def _opened(self, wrapped: WrappedKey) -> BranchKey:
        place = (wrapped.environment, wrapped.domain, wrapped.version)
        kept = self._kept(self._versions, place)
        if kept:
            return kept
        branch = BranchKey(
            environment=wrapped.environment,
            domain=wrapped.domain,
            version=wrapped.version,
            key=self._wrapper.unwrap(wrapped.wrapped, _context(*place)),
        )
        # KMS refuses an altered ciphertext; an emulator may return garbage. Either way a wrong key must never seal.
        if len(branch.key) != KEY_BYTES or not hmac.compare_digest(check_value(branch), wrapped.check):
            raise SealBroken("a branch key did not unwrap to the key that was stored")
        self._keep(self._versions, place, branch)
        return branch

    def _kept(self, among: _Kept, name: tuple[object, ...]) -> BranchKey | None:
        branch, since = among.get(name, (None, 0))
        if branch is None or self._clock() - since >= KEEP_SECONDS * SECOND:
            return None
        among.move_to_end(name)
        return branch

    def _keep(self, among: _Kept, name: tuple[object, ...], branch: BranchKey) -> None:
        among[name] = (branch, self._clock())
        among.move_to_end(name)
        if len(among) > KEEP_COUNT:
            among.popitem(last=False)


def _next(newest: WrappedKey | Shredded | None) -> int:
    """Return the version that follows: never one that was given before, also behind a shredding."""
    return 1 if newest is None else newest.version + 1


def _context(environment: str, domain: str, version: int) -> dict[str, str]:
    """Return KMS's encryption context: a wrapped key moved to another domain or version does not unwrap."""
    return {"environment": environment, "domain": domain, "version": str(version)}
