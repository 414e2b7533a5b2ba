"""Files over a real bucket, and S3's errors as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.errors import FileChanged, FileMissing, Misconfigured, Unavailable
from chalicelib.model.imports import Source
from chalicelib.store.files import Files

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

KEY = "imports/somebody/file"


@pytest.fixture
def files(cloud: LiveCloud, bucket: str) -> Files:
    return Files(cloud.client("s3"), bucket)


class Failing:
    """A client that fails as botocore does."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def head_object(self, **_: Any) -> Any:
        raise self._error


def test_a_file_is_written_found_read_in_parts_and_deleted(files: Files) -> None:
    source = files.write(KEY, b"0123456789")

    assert files.found(KEY) == source
    assert [files.part(source, begin, 4) for begin in (0, 4, 8)] == [b"0123", b"4567", b"89"]
    files.delete(KEY)
    files.delete(KEY)
    with pytest.raises(FileMissing):
        files.found(KEY)
    with pytest.raises(FileMissing):
        files.part(source, 0, 4)


def test_a_file_that_was_replaced_is_not_read(files: Files) -> None:
    source = files.write(KEY, b"0123456789")
    files.write(KEY, b"0123456780")

    with pytest.raises(FileChanged):
        files.part(source, 0, 4)


def test_a_form_names_its_key_and_how_large_a_file_may_be(files: Files) -> None:
    url, fields = files.form(KEY)

    assert url.startswith("http")
    assert fields["key"] == KEY
    assert "policy" in fields


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("404", FileMissing),
        ("412", FileChanged),
        ("AccessDenied", Misconfigured),
        ("403", Misconfigured),
        ("NoSuchBucket", Misconfigured),
        ("SlowDown", Unavailable),
        ("InternalError", Unavailable),
        ("", Unavailable),
    ],
)
def test_what_s3_answers_is_one_of_our_errors(code: str, expected: type[Exception]) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "invented"}}, "HeadObject")

    with pytest.raises(expected) as raised:
        Files(Failing(error), "b").found(KEY)

    assert type(raised.value) is expected
    assert "invented" not in str(raised.value)


def test_no_answer_is_tried_again() -> None:
    with pytest.raises(Unavailable, match="EndpointConnectionError"):
        Files(Failing(EndpointConnectionError(endpoint_url="x")), "b").found(KEY)


def test_a_body_that_breaks_off_is_tried_again() -> None:
    from urllib3.exceptions import ProtocolError  # noqa: PLC0415

    class Broken:
        def get_object(self, **_: Any) -> Any:
            class Body:
                def read(self) -> bytes:
                    raise ProtocolError("invented")

            return {"Body": Body()}

    with pytest.raises(Unavailable, match="ProtocolError"):
        Files(Broken(), "b").part(Source(key=KEY, etag="e", size=1), 0, 1)
