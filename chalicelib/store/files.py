"""Files of lines in S3, on their way into the table: sent, found, read in ranges, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import CloakroomError, FileChanged, FileMissing, Misconfigured, Unavailable
from chalicelib.model.imports import LARGEST_UPLOAD, UPLOAD_SECONDS, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSLATIONS: Mapping[str, type[CloakroomError]] = {
    "404": FileMissing,  # an answer to HEAD has no body that would say more
    "NoSuchKey": FileMissing,
    "412": FileChanged,
    "PreconditionFailed": FileChanged,
    "403": Misconfigured,
    "AccessDenied": Misconfigured,
    "NoSuchBucket": Misconfigured,
}
"""S3's error codes as ours; any other is Unavailable, and tried again."""


class Files:
    """The files of one bucket. `client` is boto3's; the bucket encrypts what it is given (SSE-KMS)."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def form(self, key: str) -> tuple[str, dict[str, str]]:
        """Return the address and fields of a POST that may write this file and no other, for UPLOAD_SECONDS."""
        form = self._ask(
            "generate_presigned_post",
            Key=key,
            Conditions=[["content-length-range", 1, LARGEST_UPLOAD]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        return form["url"], form["fields"]

    def write(self, key: str, content: bytes) -> Source:
        """Keep a file."""
        answer = self._ask("put_object", Key=key, Body=content)
        return Source(key=key, etag=answer["ETag"], size=len(content))

    def found(self, key: str) -> Source:
        """Return what a file is at this moment. Raises FileMissing."""
        answer = self._ask("head_object", Key=key)
        return Source(key=key, etag=answer["ETag"], size=answer["ContentLength"])

    def part(self, source: Source, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. Raises FileMissing, FileChanged."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415  cold starts pay for it
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  botocore's, and what its bodies raise

        asked = f"bytes={offset}-{min(offset + length, source.size) - 1}"
        answer = self._ask("get_object", Key=source.key, Range=asked, IfMatch=source.etag)
        try:
            content: bytes = answer["Body"].read()
        except (BotoCoreError, HTTPError) as error:
            raise Unavailable(f"S3 stopped in the middle of a file: {type(error).__name__}") from None
        return content

    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""
        self._ask("delete_object", Key=key)

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  cold starts pay for it

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise TRANSLATIONS.get(code, Unavailable)(*_detail(code)) from None
        except BotoCoreError as error:
            raise Unavailable(f"S3 did not answer: {type(error).__name__}") from None
        return answer


def _detail(code: str) -> tuple[str, ...]:
    """Return what the log may know; a refusal speaks to the caller and says its own sentence."""
    known = TRANSLATIONS.get(code)
    return () if known in (FileMissing, FileChanged) else (f"S3 answered {code}",)
