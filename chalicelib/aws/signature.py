"""Sign requests to AWS: Signature Version 4, for requests without a query whose body is known.

    key        HMAC chain over "AWS4" + secret key, date, region, service, "aws4_request"
    canonical  method, path encoded once more, "" (no query), headers by name, their names, SHA-256 of the body
    to sign    "AWS4-HMAC-SHA256", time, date/region/service/aws4_request, SHA-256 of the canonical request

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html. A test compares with botocore's.
"""

from __future__ import annotations

import hmac
import re
import time
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

from msgspec import Struct

from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_DATE: Final = "x-amz-date"
_SAFE_IN_PATHS: Final = "/~"
_ESCAPED: Final = re.compile(r"[A-Za-z0-9/%@._~\-]+")


class Credentials(Discreet, frozen=True, kw_only=True):
    """An access key; with a session token where it is a role's, as in Lambda."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("secret_key", "session_token")

    access_key: str
    secret_key: str
    session_token: str | None = None


class Form(Struct, frozen=True, kw_only=True):
    """Requests that differ in their body and their time alone."""

    headers: Mapping[str, str]
    """All of theirs but `x-amz-date` and `authorization`."""
    names: str
    """Of all that are signed."""
    before_date: str
    behind_date: str
    """The canonical request around its date, up to the digest of the body."""


class Alike(Struct, frozen=True, kw_only=True):
    """Requests of one time that differ in their path alone."""

    headers: Mapping[str, str]
    """All of theirs but `authorization`."""
    authorization: str
    """Up to the signature."""
    before_path: str
    behind_path: str
    """The canonical request around its path."""
    before_digest: str
    key: bytes

    def signature(self, path: str) -> str:
        """Sign the one with this path. Raises ValueError as `Signer.form` does."""
        canonical = f"{self.before_path}{_canonical_path(path)}{self.behind_path}"
        return _signature(self.key, self.before_digest, canonical)


class Signer:
    """Signs for one service in one region. Safe to share among threads: what it remembers is replaced whole."""

    def __init__(self, credentials: Credentials, *, region: str, service: str) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        self._key = ("", b"")
        self._written = (0, "")

    def alike(self, method: str, headers: Mapping[str, str], body: bytes, *, at: int) -> Alike:
        """Return what signs requests that differ in their path alone, at a time in seconds since 1970.

        Names of headers are in lower case, and `host` is among them.
        """
        moment = self._time(at)
        sent = self._with_token({**headers, _DATE: moment})
        names = ";".join(sorted(sent))
        return Alike(
            headers=sent,
            authorization=self._authorization(moment, names),
            before_path=f"{method}\n",
            behind_path=f"\n\n{_lines(sent)}\n{names}\n{sha256(body).hexdigest()}",
            before_digest=self._before_digest(moment),
            key=self._key_of(moment[:8]),
        )

    def form(self, method: str, path: str, headers: Mapping[str, str]) -> Form:
        """Return what `sign` needs of requests that differ in their body and their time alone.

        Names of headers are in lower case, and `host` is among them; `path` is as it will be sent, without a query.
        Raises ValueError for a path with an empty segment or a step, which the other side would read as another.
        """
        sent = self._with_token(headers)
        before = _lines({name: value for name, value in sent.items() if name < _DATE})
        behind = _lines({name: value for name, value in sent.items() if name > _DATE})
        names = ";".join(sorted({*sent, _DATE}))
        return Form(
            headers=sent,
            names=names,
            before_date=f"{method}\n{_canonical_path(path)}\n\n{before}{_DATE}:",
            behind_date=f"\n{behind}\n{names}\n",
        )

    def sign(self, form: Form, body: bytes, *, at: int) -> tuple[str, str]:
        """Return the `x-amz-date` and the `authorization` of a request of this form; `at` as in `alike`."""
        moment = self._time(at)
        canonical = f"{form.before_date}{moment}{form.behind_date}{sha256(body).hexdigest()}"
        signature = _signature(self._key_of(moment[:8]), self._before_digest(moment), canonical)
        return moment, self._authorization(moment, form.names) + signature

    def _with_token(self, headers: Mapping[str, str]) -> dict[str, str]:
        token = self._credentials.session_token
        return {**headers, **({} if token is None else {"x-amz-security-token": token})}

    def _scope(self, moment: str) -> str:
        return f"{moment[:8]}/{self._region}/{self._service}/aws4_request"

    def _before_digest(self, moment: str) -> str:
        """Return what is to sign, up to the digest of the canonical request."""
        return f"{_ALGORITHM}\n{moment}\n{self._scope(moment)}\n"

    def _authorization(self, moment: str, names: str) -> str:
        """Return the header, up to the signature."""
        credential = f"{self._credentials.access_key}/{self._scope(moment)}"
        return f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature="

    def _time(self, at: int) -> str:
        known, text = self._written
        if known != at:
            text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
            self._written = (at, text)
        return text

    def _key_of(self, day: str) -> bytes:
        known, key = self._key
        if known != day:
            key = f"AWS4{self._credentials.secret_key}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (day, key)
        return key


def _lines(headers: Mapping[str, str]) -> str:
    """Write headers as a canonical request has them."""
    return "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers)])


def _signature(key: bytes, before_digest: str, canonical: str) -> str:
    to_sign = f"{before_digest}{sha256(canonical.encode()).hexdigest()}"
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


@lru_cache(maxsize=4_096)
def _canonical_path(path: str) -> str:
    if path == "/":
        return path
    segments = path.split("/")
    if segments[0] or len(segments) == 1 or any(segment in ("", ".", "..") for segment in segments[1:]):
        raise ValueError("a path that is signed begins with '/' and holds no empty segment and no step")
    # Each push pays for this: where only these two are to be written otherwise, at a tenth of what `quote` takes.
    if _ESCAPED.fullmatch(path):
        return path.replace("%", "%25").replace("@", "%40")
    return quote(path, safe=_SAFE_IN_PATHS)
