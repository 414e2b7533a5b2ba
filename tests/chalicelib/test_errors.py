from __future__ import annotations

from chalicelib.errors import InvalidBody, NotFound


def test_an_error_says_its_detail_and_keeps_its_facts() -> None:
    error = InvalidBody("subject: required", field="subject", rule="required")

    assert str(error) == error.detail == "subject: required"
    assert error.facts == {"field": "subject", "rule": "required"}


def test_an_error_without_a_detail_says_its_docstring() -> None:
    assert str(NotFound()) == "There is no such thing, or it is not yours to see."
    assert NotFound().facts == {}
