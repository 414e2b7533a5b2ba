from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.model.token import Owner
from chalicelib.store.tokens import CurrentTokens
from tests.chalicelib.examples import JANE, NOW, a_deposit, a_place

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

OWNER = Owner(environment="production", domain="shop", subject=JANE)
PROVIDERS = ["auth0", "github", "google", "okta", "slack"]


@pytest.fixture
def tokens(table: Table, jobs: Jobs) -> CurrentTokens:
    for number, provider in enumerate(PROVIDERS):
        deposit = a_deposit(number, place=a_place(provider=provider))
        jobs.accept(deposit)
        jobs.settle(deposit.job, deposit.token, NOW)
    jobs.accept(a_deposit(99, place=a_place(subject="john")))
    return CurrentTokens(table)


def test_a_subjects_tokens_are_listed_by_provider(tokens: CurrentTokens) -> None:
    page, after = tokens.page(OWNER, limit=50, after=None)

    assert [token.place.provider for token in page] == PROVIDERS
    assert after is None


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_of_any_size_give_each_token_once(tokens: CurrentTokens, limit: int) -> None:
    seen: list[str] = []
    after: str | None = None
    for _ in range(6):
        page, after = tokens.page(OWNER, limit=limit, after=after)
        assert len(page) <= limit
        seen += [token.place.provider for token in page]
        if after is None:
            break

    assert seen == PROVIDERS


def test_a_page_begins_behind_a_provider_that_is_not_there(tokens: CurrentTokens) -> None:
    page, _ = tokens.page(OWNER, limit=50, after="h")

    assert [token.place.provider for token in page] == ["okta", "slack"]


def test_nobody_elses_tokens_are_listed(tokens: CurrentTokens) -> None:
    for changes in ({"subject": "john"}, {"domain": "other"}, {"environment": "staging"}):
        owner = Owner(**{"environment": "production", "domain": "shop", "subject": JANE, **changes})

        assert tokens.page(owner, limit=50, after=None) == ([], None)
