"""A line of an import is held to what the import was limited to when it was accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import OutsideLimits, Unreadable
from chalicelib.intake.lines import LineReader
from chalicelib.model.job import Type, errand
from tests.chalicelib.examples import HOOK, JANE, NOW, an_id

if TYPE_CHECKING:
    from chalicelib.model.token import Place


@dataclass
class Plain:
    """Keys that seal nothing."""

    version: int = 1

    def newest(self, environment: str, domain: str) -> Plain:  # noqa: ARG002
        return self

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> bytes:  # noqa: ARG002
        return plaintext

    def fingerprint(self, access_token: str) -> str:  # noqa: ARG002
        return "k1:0123456789abcdef"


READ = LineReader(sealer=Plain())


def a_line(**members: str) -> bytes:
    return json.dumps({"subject": JANE, "provider": "google", "token": {"access_token": "t"}, **members}).encode()


def read(line: bytes, limits: object) -> str:
    told = {"source": "body", "bytes": 1, **({} if limits is None else {"limits": limits})}
    return READ(line, 1, errand(an_id(1), Type.IMPORT, requester=HOOK, now=NOW, asked=told)).token.place.domain


def test_a_line_within_one_of_the_limits_is_a_token() -> None:
    limits = [{"domains": ["shop"]}, {"domains": ["office"], "providers": ["google"]}]

    assert read(a_line(domain="shop", provider="apple"), limits) == "shop"
    assert read(a_line(domain="office"), limits) == "office"
    assert read(a_line(domain="anywhere"), None) == "anywhere"


def test_a_line_outside_is_refused_with_its_field() -> None:
    with pytest.raises(OutsideLimits) as caught:
        read(a_line(domain="office"), [{"domains": ["shop"]}])

    assert caught.value.facts["field"] == "domain"
    with pytest.raises(OutsideLimits):
        read(a_line(), [])


@pytest.mark.parametrize("limits", ["shop", [{"subjects": ["a"]}], [{"domains": "shop"}], {"domains": ["shop"]}])
def test_limits_that_are_not_understood_are_an_error_and_no_freedom(limits: object) -> None:
    with pytest.raises(Unreadable, match="limits that this version does not know"):
        read(a_line(), limits)
