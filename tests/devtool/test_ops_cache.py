"""`./dev ops cache`: what is in it, and letting it serve nobody any more."""

from __future__ import annotations

import pytest

from chalicelib.admit.jwks import TERMS
from chalicelib.model.cached import Entry
from chalicelib.store import cached as module
from chalicelib.store.keys import cached_key
from devtool.errors import DevError
from devtool.ops import cache
from devtool.ops.stage import Stage, now
from tests.devtool.stuck import A_MINUTE, cached, printed

URL = "https://issuer.example/jwks.json"


def test_each_document_is_listed_with_its_state(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    cached(stage, URL, b"12345")
    for name, ago in (("stale", 10 * A_MINUTE), ("too old", 60 * A_MINUTE)):
        begun = Entry(name=name).leased(TERMS, now() - ago)
        stage.cache.write(begun.fetched(b"1", TERMS, now()), seen=Entry(name=name))
    stage.cache.write(Entry(name="being fetched").leased(TERMS, now()), seen=Entry(name="being fetched"))
    stage.cache.write(Entry(name="never fetched").leased(TERMS, 1).failed(2), seen=Entry(name="never fetched"))
    stage.cache.write(Entry(name="dropped").dropped(now()), seen=Entry(name="dropped"))
    stage.table.put({**cached_key("strange"), "name": "strange"})

    cache.listed(stage, as_json=True)

    rows = {row["name"]: row for row in printed(capsys)}
    assert {name: row["state"] for name, row in rows.items() if name} == {
        URL: "fresh",
        **{name: name for name in ("stale", "too old", "being fetched", "never fetched", "dropped")},
    }
    assert rows[None]["state"] == "unreadable: a cached document whose times are none"
    assert (rows[URL]["bytes"], rows[URL]["failed"], rows["stale"]["fetched"]) == (5, None, "10m")


def test_nothing_cached_says_so(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    cache.listed(stage, as_json=False)

    assert capsys.readouterr().out == "nothing is cached\n"


def test_a_dropped_document_is_gone_and_stays_a_mark(stage: Stage) -> None:
    cached(stage, URL, b"12345")
    before = stage.cache.look(URL, consistent=True)

    cache.dropped(stage, URL)

    after = stage.cache.look(URL, consistent=True)
    assert after.document is None
    assert after.generation == after.rev > before.rev


def test_a_drop_that_did_not_come_through_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(stage, URL, b"12345")
    monkeypatch.setattr(module, "RACES", 0)

    with pytest.raises(DevError, match="the document changed too often while it was being dropped: try again"):
        cache.dropped(stage, URL)


def test_what_was_never_cached_cannot_be_dropped_for_a_typing_error_must_not_look_like_a_drop(stage: Stage) -> None:
    with pytest.raises(DevError, match=r"nothing is cached under https://mistyped: see \./dev ops cache list"):
        cache.dropped(stage, "https://mistyped")
