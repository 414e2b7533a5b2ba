from __future__ import annotations

from typing import Any

import pytest

from chalicelib.model.policy import PolicyFault, parse_policy
from chalicelib.model.wide import check_width
from tests.chalicelib.model.groups import GROUPS


def check(path: str, *acknowledges: str, method: str = "GET", effect: str = "Allow") -> None:
    fine: dict[str, Any] = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}
    wide = {"effect": effect, "methods": [method], "paths": ["/jobs/*", path]}
    check_width(parse_policy({"group": "g", "statements": [fine, wide], "acknowledges": [*acknowledges]}))


@pytest.mark.parametrize(
    "path",
    ["/*", "/subjects/*", "/s*", "/subjects/*/tokens/*", "/subjects/jane/*", "/*t", "/subjects/*/tokens/google*"],
)
def test_every_secret_by_accident_is_refused_with_its_place_and_its_reason(path: str) -> None:
    with pytest.raises(PolicyFault, match="reaches the secrets of other subjects") as caught:
        check(path, "administration")

    assert caught.value.field == "statements[1].paths[1]"
    assert '"acknowledges": ["every_secret"]' in caught.value.rule
    check(path, "every_secret", "administration")


@pytest.mark.parametrize(
    "path",
    [
        "/subjects/*/tokens/*/secret",
        "/subjects/jane/tokens/google/secret",
        "/subjects/*/secret",
        "/subjects/${principal}/*",
        "/subjects/${claims.customer}/tokens/*",
        "/subjects/*/tokens",
        "/tokens/*",
        "/jobs/*",
    ],
)
def test_a_secret_that_is_named_or_is_ones_own_is_no_accident(path: str) -> None:
    check(path)


def test_what_reads_nothing_or_denies_reaches_no_secret() -> None:
    check("/subjects/*", method="DELETE")
    check("/*", effect="Deny")


@pytest.mark.parametrize(
    "path",
    ["/*", "/p*", "/policies*", "/policies/*", "/providers/*", "/revocations*", "/authz/*", "/*/explain", "/aud*"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "*"])
def test_administration_by_a_wildcard_is_refused(path: str, method: str) -> None:
    with pytest.raises(PolicyFault, match="reaches administration"):
        check(path, "every_secret", method=method)

    check(path, "every_secret", "administration", method=method)


@pytest.mark.parametrize("path", ["/policies", "/policies/shop", "/providers/google", "/audit", "/authz/explain"])
def test_administration_that_is_written_out_is_meant(path: str) -> None:
    check(path, method="PUT")


def test_the_default_groups_say_what_they_reach() -> None:
    for policy in GROUPS.values():
        check_width(policy)
    assert GROUPS["admin"].acknowledges == ("every_secret", "administration")
