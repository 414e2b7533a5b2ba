"""A cache around a source that a test speaks for, by a clock that it moves; `Watched` stands in for the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.errors import NotSent
from chalicelib.outbound.cache import Cached, Source, Surroundings
from tests.chalicelib.examples import Clock, Facts
from tests.chalicelib.model.test_cached import TERMS
from tests.chalicelib.outbound.shelf import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.cached import Entry

NAME = "https://issuer.example/jwks.json"


@dataclass
class World:
    """A source, a shelf, and processes around them."""

    clock: Clock = field(default_factory=Clock)
    shelf: Watched = field(default_factory=Watched)
    facts: Facts = field(default_factory=Facts)
    document: bytes = b"first"
    fetches: int = 0
    failures: list[int | None] = field(default_factory=list)
    meanwhile: Callable[[], Any] | None = None
    """What happens once, while a fetch is under way."""

    def process(self) -> Cached[str]:
        source = Source(name=NAME, fetch=self._fetch, parse=parse, failed=lambda _, age: self.failures.append(age))
        around = Surroundings(now=self.clock, pause=self.clock.pass_seconds, log=self.facts)
        return Cached(source, self.shelf, TERMS, around)

    def _fetch(self) -> bytes:
        self.fetches += 1
        document = self.document
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        if document == b"away":
            raise NotSent("nobody answers")
        return document

    @property
    def entry(self) -> Entry:
        assert self.shelf.entry is not None
        return self.shelf.entry

    def write(self, entry: Entry) -> None:
        """Write as somebody else does."""
        self.shelf.entry = entry

    def somebody_fetched(self, document: bytes) -> None:
        self.write(self.entry.leased(TERMS, self.clock.now).fetched(document, TERMS, self.clock.now))


def parse(document: bytes) -> str:
    if document.startswith(b"garbage"):
        raise ValueError("garbage")
    return document.decode()


def has(wanted: str) -> Callable[[str], bool]:
    return lambda value: wanted in value
