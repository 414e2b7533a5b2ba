"""Files of tokens, and an import of them over a table of a test's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.errors import FileChanged, FileMissing
from chalicelib.model.imports import ImportRequest, Source
from chalicelib.model.job import Type, errand
from tests.chalicelib.examples import HOOK, NOW, an_id

if TYPE_CHECKING:
    from chalicelib.model.job import Job


def a_line(number: int, **changes: object) -> bytes:
    """Return the line of a token; of ten subjects in turn unless it is said whose."""
    body = {"subject": f"subject-{number % 10}", "provider": "google", "token": {"access_token": f"invented-{number}"}}
    return json.dumps({**body, **changes}).encode()


def a_file(count: int, *, refused: tuple[int, ...] = ()) -> bytes:
    """Return `count` lines, of which the numbers that are `refused` name no provider."""
    return b"".join(
        (b'{"subject": "jane", "token": {"access_token": "invented"}}' if number in refused else a_line(number)) + b"\n"
        for number in range(1, count + 1)
    )


@dataclass
class Shelf:
    """Files as our protocols ask for them, in memory."""

    kept: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def form(self, key: str) -> tuple[str, dict[str, str]]:
        return "https://files.example/", {"key": key}

    def write(self, key: str, content: bytes) -> Source:
        self.kept[key] = content
        return self.found(key)

    def found(self, key: str) -> Source:
        if key not in self.kept:
            raise FileMissing
        return Source(key=key, etag=str(hash(self.kept[key])), size=len(self.kept[key]))

    def part(self, source: Source, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        if self.errors:
            raise self.errors.pop(0)
        if self.found(source.key) != source:
            raise FileChanged
        return self.kept[source.key][offset : offset + length]

    def delete(self, key: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.kept.pop(key, None)


def a_request(source: Source, number: int = 1, **changes: Any) -> ImportRequest:
    return ImportRequest(
        job=an_import(number, size=source.size, **changes), source=source, body_mark=bytes(range(32)), key_version=1
    )


def an_import(number: int = 1, *, size: int = 1, requester: str = HOOK, now: int = NOW) -> Job:
    asked = {"source": "body", "bytes": size}
    return errand(an_id(number), Type.IMPORT, requester=requester, now=now, asked=asked)
