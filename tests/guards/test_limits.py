"""The README's table of limits, held against what the code and the template say."""

from __future__ import annotations

import pytest

from chalicelib.admit.bearer import TOKEN_BYTES
from chalicelib.intake import bodies
from chalicelib.intake.reading import LONGEST_IDEMPOTENCY_KEY
from chalicelib.model.imports import MOST_LINES
from chalicelib.model.listing import LONGEST_CURSOR
from chalicelib.notify.hearing import LONGEST_MESSAGE
from chalicelib.web.requests import LARGEST_HEAD, LARGEST_PAGE
from tests.guards.project import README, TEMPLATE

ROWS = {
    cells[1].strip(): f"{cells[2]}|{cells[3]}"
    for line in README.partition("## Limits")[2].partition("## Settings")[0].splitlines()
    if len(cells := line.split("|")) > 3
}
PARAMETERS = {name: int(one["Default"]) for name, one in TEMPLATE["Parameters"].items() if one["Type"] == "Number"}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a body", f"{bodies.LARGEST_BODY:,} bytes"),
        ("lines of `POST /imports`", f"{MOST_LINES:,} lines"),
        ("path, query and headers together", f"{LARGEST_HEAD:,} without it"),
        ("a bearer", f"{TOKEN_BYTES:,} characters"),
        ("an `Idempotency-Key`", f"{LONGEST_IDEMPOTENCY_KEY} characters"),
        ("`access_token`, `refresh_token`, `id_token`", f"{bodies.LONGEST_TOKEN:,} characters each"),
        ("`extra` of a token", f"{bodies.LARGEST_EXTRA:,} bytes, {bodies.DEEPEST_EXTRA} levels"),
        ("`metadata`", f"{bodies.MOST_METADATA} members, names of {bodies.LONGEST_METADATA_NAME}"),
        ("a page of a list; its `cursor`", f"{LARGEST_PAGE} items; {LONGEST_CURSOR} characters"),
        ("a message to the socket", f"{LONGEST_MESSAGE:,} characters"),
    ],
)
def test_a_limit_of_the_service_is_what_the_readme_says(what: str, said: str) -> None:
    assert said in ROWS[what]


@pytest.mark.parametrize("who", ["Stage", "Client", "Others"])
def test_a_limit_of_the_gateway_is_what_the_readme_says(who: str) -> None:
    (row,) = [row for row in ROWS.values() if f"`{who}Rate`" in row]

    assert f"`{who}Rate` {PARAMETERS[f'{who}Rate']:,}" in row
    assert f"`{who}Burst` {PARAMETERS[f'{who}Burst']:,}" in row
