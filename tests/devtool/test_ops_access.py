"""`./dev ops access`: whose access was ended, ending it, giving it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.model.access import Kind, id_of
from devtool.errors import DevError
from devtool.ops import access
from tests.devtool.stuck import printed

if TYPE_CHECKING:
    from devtool.ops.stage import Stage


def test_nobody_revoked_says_so(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    access.listed(stage, as_json=False)

    assert capsys.readouterr().out == "nobody's access was ended\n"


@pytest.mark.parametrize("kind", list(Kind))
def test_access_is_ended_listed_and_given_back(stage: Stage, capsys: pytest.CaptureFixture[str], kind: Kind) -> None:
    done = access.revoked(stage, kind, "auth0|jane", "a test")
    access.listed(stage, as_json=True)
    (row,) = printed(capsys)

    assert id_of(kind, "auth0|jane") in done
    assert (row["what"], row["name"], row["state"], row["why"]) == (kind, "auth0|jane", "counts", "a test")
    assert (row["issued_before"] != "-") == (kind is Kind.SESSIONS)
    access.lifted(stage, str(row["id"]))
    assert stage.revocations.all() == {}
    assert stage.revocations.epoch().rev == 2


@pytest.mark.parametrize("unknown", ["x", id_of(Kind.BEARER, "never")])
def test_what_was_never_revoked_cannot_be_lifted(stage: Stage, unknown: str) -> None:
    with pytest.raises(DevError, match="there is no revocation"):
        access.lifted(stage, unknown)
