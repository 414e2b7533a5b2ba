"""A value that holds a secret does not show it, however it is printed."""

from __future__ import annotations

import pytest

from chalicelib.intake.bodies import CredentialIn, TokenIn
from chalicelib.intake.explaining import ExplainIn
from chalicelib.model.explanation import Asked
from chalicelib.model.provider import Credential
from chalicelib.model.token import Secret
from chalicelib.seal.envelope import BranchKey
from tests.chalicelib.examples import a_deposit

MARKER = "MARKER-do-not-show"


@pytest.mark.parametrize(
    "value",
    [
        Secret(access_token=MARKER, refresh_token=MARKER, id_token=MARKER, extra={MARKER: MARKER}),
        TokenIn(access_token=MARKER, refresh_token=MARKER, id_token=MARKER, extra={MARKER: MARKER}),
        Credential(secret=MARKER, private_key=MARKER),
        CredentialIn(secret=MARKER, private_key=MARKER),
        ExplainIn(method="GET", path="/jobs", bearer=MARKER),
        Asked(method="GET", path="/jobs", bearer=MARKER),
        BranchKey(environment="e", domain="d", version=1, key=MARKER.encode()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_secret_is_in_no_repr(value: object) -> None:
    assert MARKER not in repr(value)
    assert MARKER not in str(value)
    assert MARKER not in f"{[value]}"


def test_a_deposit_shows_neither_its_sealed_secret_nor_its_mark() -> None:
    shown = repr(a_deposit())

    assert "sealed=" not in shown
    assert "body_mark=" not in shown
