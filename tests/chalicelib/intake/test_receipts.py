"""What a receipt proves, and to whom: over lists and dicts, by a key of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.errors import BodyTooLarge, InvalidBody, KeyGone, NotFound
from chalicelib.intake.bodies import LARGEST_BODY
from chalicelib.intake.reading import canonical, read_hand_in, read_verify
from chalicelib.intake.receipts import Notary
from chalicelib.model.caller import Caller
from chalicelib.model.receipt import Receipt, Verdict
from chalicelib.seal import envelope
from chalicelib.seal.envelope import BranchKey
from tests.chalicelib.examples import HOOK, NOW, a_deposit, an_id
from tests.chalicelib.intake.bodies import body
from tests.chalicelib.model.groups import GROUPS

if TYPE_CHECKING:
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.token import Place

BRANCH = BranchKey(environment="production", domain="shop", version=3, key=bytes(range(32)))
BODY = read_hand_in(body(environment="production", domain="shop"))
RECEIPT = Receipt(
    environment="production",
    domain="shop",
    version=3,
    id=an_id(1),
    accepted_at=NOW,
    body=envelope.mark(canonical(BODY), BRANCH, "body"),
)


@dataclass
class Shop:
    """One receipt, one token, one key."""

    tokens: dict[str, Deposit] = field(default_factory=lambda: {an_id(1): a_deposit(1)})
    shredded: bool = False

    def deposit(self, token_id: str) -> Deposit:
        if token_id not in self.tokens:
            raise NotFound
        return self.tokens[token_id]

    def ours(self, text: str) -> Receipt | None:
        return RECEIPT if text == "ours" else None

    def mark(self, message: bytes, place: Place, version: int) -> bytes:
        if self.shredded:
            raise KeyGone
        assert (place.environment, place.domain, version) == ("production", "shop", 3)
        return envelope.mark(message, BRANCH, "body")


def notary(shop: Shop) -> Notary:
    return Notary(deposits=shop, receipts=shop, marker=shop)


def a_caller(principal: str, group: str) -> Caller:
    return Caller(principal=principal, statements=GROUPS[group].statements, expires_at=2**40, groups=(group,))


WHO_MAY = [a_caller(HOOK, "producer"), a_caller("root", "admin"), a_caller(BODY.subject, "consumer")]
WHO_MAY_NOT = [a_caller("other-hook", "producer"), a_caller("john", "consumer")]


@pytest.mark.parametrize("caller", WHO_MAY, ids=lambda caller: str(caller.principal))
def test_the_body_of_a_receipt_matches_and_another_does_not(caller: Caller) -> None:
    other = read_hand_in(body(environment="production", domain="shop", metadata={"shop": "south"}))

    assert notary(Shop()).verdict(caller, "ours", BODY) == Verdict(receipt=RECEIPT, matches=True)
    assert notary(Shop()).verdict(caller, "ours", other) == Verdict(receipt=RECEIPT, matches=False)


def test_a_body_that_names_another_domain_does_not_match() -> None:
    elsewhere = read_hand_in(body(environment="production", domain="other"))

    assert notary(Shop()).verdict(WHO_MAY[0], "ours", elsewhere).matches is False


@pytest.mark.parametrize("caller", WHO_MAY_NOT, ids=lambda caller: str(caller.principal))
def test_who_may_not_see_the_token_cannot_try_bodies_at_its_receipt(caller: Caller) -> None:
    other = read_hand_in(body(environment="production", domain="shop", metadata={"shop": "south"}))

    for tried in (BODY, other):
        with pytest.raises(NotFound):
            notary(Shop()).verdict(caller, "ours", tried)


def test_a_text_that_is_no_receipt_of_ours_is_told_to_anybody() -> None:
    verdicts = [notary(Shop()).verdict(caller, "forged", BODY) for caller in [*WHO_MAY, *WHO_MAY_NOT]]

    assert verdicts == [Verdict(receipt=None, matches=None)] * 5


def test_behind_a_shredding_the_receipt_is_ours_and_nobody_knows_of_what() -> None:
    assert notary(Shop(shredded=True)).verdict(WHO_MAY[0], "ours", BODY) == Verdict(receipt=RECEIPT, matches=None)


def test_when_the_record_is_gone_administrators_and_the_bodys_subject_are_told_and_no_producer() -> None:
    gone = notary(Shop(tokens={}))
    producer, root, subject = WHO_MAY

    assert gone.verdict(root, "ours", BODY).matches is True
    assert gone.verdict(subject, "ours", BODY).matches is True
    with pytest.raises(NotFound):
        gone.verdict(producer, "ours", BODY)


def test_a_token_of_somebody_else_under_the_same_id_decides_who_is_told() -> None:
    theirs = replace(a_deposit(1), token=replace(a_deposit(1).token, requester="other-hook"))

    with pytest.raises(NotFound):
        notary(Shop(tokens={an_id(1): theirs})).verdict(WHO_MAY[0], "ours", BODY)


def test_the_body_in_question_is_checked_as_if_it_was_handed_in() -> None:
    assert read_verify(b'{"receipt": "x", "body": %s}' % body()).body == read_hand_in(body())
    with pytest.raises(InvalidBody, match=r"body\.token\.colour: unknown field"):
        read_verify(b'{"receipt": "x", "body": {"subject": "s", "provider": "p", "token": {"colour": 1}}}')
    with pytest.raises(InvalidBody, match="a subject must not be empty"):
        read_verify(b'{"receipt": "x", "body": {"subject": "", "provider": "p", "token": {"access_token": "t"}}}')
    with pytest.raises(InvalidBody, match="receipt"):
        read_verify(b'{"receipt": "%s", "body": %s}' % (b"x" * 1_025, body()))


def test_whatever_could_be_handed_in_can_be_verified() -> None:
    largest = body() + b" " * (LARGEST_BODY - len(body()))
    asked = b'{"receipt": "%s", "body": %s}' % (b"x" * 1_024, largest)

    assert read_verify(asked).body == read_hand_in(largest)
    with pytest.raises(BodyTooLarge):
        read_verify(asked + b" " * 2_048)
