"""Shelves for tests: one in memory with the table's rules, and one that counts, fails and lags on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from chalicelib.errors import Unavailable
from chalicelib.model.cached import Entry


class Alone:
    """A shelf that nobody else has."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self._lock = threading.Lock()

    def look(self, name: str, *, consistent: bool) -> Entry:  # noqa: ARG002
        return self.entry or Entry(name=name)

    def write(self, entry: Entry, *, seen: Entry) -> Entry:
        with self._lock:
            stands = self.entry or Entry(name=entry.name)
            if stands.rev != seen.rev:
                return stands
            self.entry = entry
            return entry


class ByName:
    """A shelf of many documents."""

    def __init__(self) -> None:
        self.shelves: dict[str, Alone] = {}
        self._lock = threading.Lock()

    def look(self, name: str, *, consistent: bool) -> Entry:
        return self._of(name).look(name, consistent=consistent)

    def write(self, entry: Entry, *, seen: Entry) -> Entry:
        return self._of(entry.name).write(entry, seen=seen)

    def _of(self, name: str) -> Alone:
        with self._lock:
            return self.shelves.setdefault(name, Alone())


@dataclass
class Watched(Alone):
    """Write down what is asked; `away` fails all, `lost` fails writes that were made, `lagging` is read instead."""

    looks: list[bool] = field(default_factory=list)
    """Whether each look was consistent."""
    writes: int = 0
    away: bool = False
    lost: bool = False
    lagging: Entry | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def look(self, name: str, *, consistent: bool) -> Entry:
        self.looks.append(consistent)
        if self.away:
            raise Unavailable("the table did not answer")
        if self.lagging is not None and not consistent:
            return self.lagging
        return super().look(name, consistent=consistent)

    def write(self, entry: Entry, *, seen: Entry) -> Entry:
        self.writes += 1
        if self.away:
            raise Unavailable("the table did not answer")
        stands = super().write(entry, seen=seen)
        if self.lost:
            raise Unavailable("the table did not answer")
        return stands
