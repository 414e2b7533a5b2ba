"""KMS with a list of what it was asked, and the pieces of a keyring over real tables and a real KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.seal.keyring import Keyring
from chalicelib.store.branch_keys import BranchKeys

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from chalicelib.seal.keyring import KeyWrapper
    from chalicelib.store.table import Table


class CountedWrapper:
    """Pass everything on to KMS, and write down that it was asked."""

    def __init__(self, inner: KeyWrapper) -> None:
        self._inner = inner
        self.asked: list[str] = []

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        self.asked.append("generate")
        return self._inner.generate(context)

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        self.asked.append("unwrap")
        return self._inner.unwrap(wrapped, context)


class MeetingWrapper:
    """Let two processes make a key at the same time: each waits until the other has made its own."""

    def __init__(self, inner: KeyWrapper, meeting: threading.Barrier) -> None:
        self._inner = inner
        self._meeting = meeting

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        made = self._inner.generate(context)
        self._meeting.wait(timeout=5)
        return made

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        return self._inner.unwrap(wrapped, context)


def a_process(table: Table, wrapper: KeyWrapper, clock: Callable[[], int]) -> Keyring:
    """Return a keyring that remembers nothing, as a new process has one."""
    return Keyring(BranchKeys(table), wrapper, clock)
