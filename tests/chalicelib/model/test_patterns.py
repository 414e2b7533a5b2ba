from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.patterns import covers, matches, reaches
from chalicelib.model.wide import SECRET

PATTERNS = st.text(alphabet="/ab*", max_size=8).map(lambda text: f"/{text}")
PATHS = st.text(alphabet="/ab", max_size=10).map(lambda text: f"/{text}")
NAMES = st.text(alphabet="ab-", min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("wider", "narrower", "does"),
    [
        ("/tokens/*", "/tokens/*/secret", True),
        ("/tokens/*/secret", "/tokens/*", False),
        ("/*", "/subjects/${principal}/*", True),
        ("/subjects/${principal}/*", "/subjects/${principal}/tokens", True),
        ("/subjects/${principal}/*", "/subjects/jane/tokens", False),
        ("/a*c", "/a*b*c", True),
        ("/a*b*c", "/a*c", False),
    ],
)
def test_a_pattern_covers_what_says_no_more_than_it_does(wider: str, narrower: str, does: bool) -> None:  # noqa: FBT001
    assert covers(wider, narrower) is does


@given(wider=PATTERNS, narrower=PATTERNS, path=PATHS)
def test_what_is_covered_matches_nothing_more(wider: str, narrower: str, path: str) -> None:
    if covers(wider, narrower) and matches(narrower, path):
        assert matches(wider, path)


@pytest.mark.parametrize(
    ("pattern", "does"),
    [
        ("/*", True),
        ("/s*", True),
        ("/subjects/*", True),
        ("/subjects/*/tokens/google/*", True),
        ("/subjects/jane/*", True),
        ("/subjects/jane/tokens/google/secret", True),
        ("/subjects/*t", True),
        ("/*/secret", True),
        ("/subjects/${principal}/*", False),
        ("/subjects/${claims.customer}/*", False),
        ("/subjects/*/tokens", False),
        ("/subjects/*/jobs", False),
        ("/subjects/*/tokens/google", False),
        ("/tokens/*", False),
        ("/jobs/*", False),
        ("/x*", False),
    ],
)
def test_a_pattern_reaches_a_shape_if_any_name_makes_it_match(pattern: str, does: bool) -> None:  # noqa: FBT001
    assert reaches(pattern, SECRET) is does


@given(pattern=PATTERNS, first=NAMES, second=NAMES)
def test_what_matches_a_path_of_a_shape_reaches_the_shape(pattern: str, first: str, second: str) -> None:
    if matches(pattern, f"/{first}/a/{second}"):
        assert reaches(pattern, "/{}/a/{}")


def test_a_pattern_of_many_stars_is_judged_at_once() -> None:
    assert not reaches("/" + "*a" * 63, SECRET)
