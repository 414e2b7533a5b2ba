"""HTTP/1.1 as bytes, without a socket: a request written, an answer read in whatever pieces it comes.

    head     to the blank line; a 1xx is read and left out
    body     none for 204 and 304; else as `transfer-encoding: chunked` or `content-length` say, or to the end
    kept     the connection serves another request: not after `connection: close`, an answer of HTTP/1.0, one that ended
             with the connection, or one with anything behind it

The standard library's way takes three times as long, most of it to read the head as a mail's. What is not understood to
the letter is no answer here: two ways to read one head are how an answer comes to another request than its own.
https://www.rfc-editor.org/rfc/rfc9112.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PIECE: Final = 65_536
"""Bytes taken at once: more than a TLS record holds, so that none is left where the system does not see it."""

LARGEST_HEAD: Final = 65_536
LARGEST_BODY: Final = 32 * 1_048_576
"""Bytes. DynamoDB's largest answer holds 16 MB, a third more where it is base64."""

_LONGEST_LINE: Final = 1_024
"""Bytes of a chunk's size, of what is said beside it, of a trailer."""

_START: Final = b"HTTP/1."
_NO_BODY: Final = frozenset({204, 304})
_LOWEST: Final = 100
_SWITCHED: Final = 101
_FINAL: Final = 200
_IN_NAMES: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")
_OLD: Final = "HTTP/1.0 "
_VERSIONS: Final = ("HTTP/1.1 ", _OLD)
_CODE_DIGITS: Final = 3
_CODE_AT: Final = len(_OLD)
_CODE_END: Final = _CODE_AT + _CODE_DIGITS
_LENGTH_DIGITS: Final = 8


class Garbled(Exception):
    """What came is no answer, not all of one, or too large; the message says so without repeating it."""


def written(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request's bytes. Raises ValueError as `begun` does."""
    return ended(begun(method, path, headers), body)


def begun(method: str, path: str, headers: Mapping[str, str]) -> str:
    """Return the beginning of a request's head, for `ended`.

    Raises ValueError for a path or a header that is not printable ASCII: a line's end in one would begin another
    header, or another request.
    """
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    text = "".join(lines)
    if not (text.isascii() and text.isprintable()) or " " in path:
        raise ValueError("what is sent in a head is printable ASCII, and a path holds no space")
    return "\r\n".join(lines)


def ended(head: str, body: bytes) -> bytes:
    """Return a request's bytes; its length, and that it asks for no compression, are said here."""
    return f"{head}\r\naccept-encoding: identity\r\ncontent-length: {len(body)}\r\n\r\n".encode("ascii") + body


class Answer:
    """The answer to one request (but HEAD), as it comes in: feed it until it is whole."""

    __slots__ = ("_buffer", "_from", "_is_last", "_length", "_read", "_taken", "body", "has_begun", "headers", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case; what came twice is joined by a comma."""
        self.body = b""
        self.has_begun = False
        """Whether anything came: then the other side heard the request."""
        self._buffer = bytearray()
        self._read: Callable[[Answer], bool] = Answer._head  # not bound: that would be a circle to collect
        self._from = 0
        self._length = 0
        self._is_last = False

    @property
    def is_kept(self) -> bool:
        """Whether the connection serves another request, now that the answer is whole."""
        return not self._is_last and not self._buffer

    def feed(self, data: bytes) -> bool:
        """Take what came in, at least a byte. Return whether the answer is whole. Raises Garbled."""
        self.has_begun = True
        self._buffer += data
        return self._read(self)

    def end(self) -> None:
        """Take it that nothing more comes. Raises Garbled, unless that is how the answer ends."""
        if self._read is not Answer._to_the_end:
            raise Garbled("the answer broke off")
        self.body, self._buffer = bytes(self._buffer), bytearray()

    def _head(self) -> bool:
        buffer = self._buffer
        while self.status < _FINAL:
            end = buffer.find(b"\r\n\r\n", self._from)
            if (len(buffer) if end < 0 else end) > LARGEST_HEAD:
                raise Garbled("the answer's head is too large")
            if end < 0:
                if not buffer.startswith(_START[: len(buffer)]):
                    raise Garbled("the answer is no HTTP")
                self._from = max(len(buffer) - 3, 0)
                return False
            self._understand(buffer[:end].decode("latin-1"))
            del buffer[: end + 4]
            self._from = 0
        self._read = self._body()
        return self._read(self)

    def _understand(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        if not head.count("\r") == head.count("\n") == len(lines) or "\0" in head:
            raise Garbled("the answer's head has ends of lines that are none")
        version, code, behind = first[:_CODE_AT], first[_CODE_AT:_CODE_END], first[_CODE_END : _CODE_END + 1]
        is_code = len(code) == _CODE_DIGITS and _is_number(code) and behind in ("", " ")
        if version not in _VERSIONS or not is_code:
            raise Garbled("the answer is no HTTP")
        self.status = int(code)
        if self.status < _LOWEST or self.status == _SWITCHED:
            raise Garbled("the answer has a status that answers nothing")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise Garbled("the answer has a header that is none")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if "" in headers or "".join(headers).encode().translate(None, _IN_NAMES):
            raise Garbled("the answer has a header that is none")
        self.headers = headers
        self._is_last = version == _OLD

    def _body(self) -> Callable[[Answer], bool]:
        headers = self.headers
        said = headers.get("connection")
        if said is not None and said != "keep-alive":
            self._is_last |= "close" in [option.strip() for option in said.lower().split(",")]
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if self.status in _NO_BODY:
            return Answer._counted
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise Garbled("the answer says in two ways, or in none known here, how long it is")
            self._taken = bytearray()
            return Answer._chunks
        if length is None:
            self._is_last = True
            return Answer._to_the_end
        if len(length) > _LENGTH_DIGITS or not _is_number(length) or int(length) > LARGEST_BODY:
            raise Garbled("the answer is too large, or its length is no number")
        self._length = int(length)
        return Answer._counted

    def _counted(self) -> bool:
        length = self._length
        if len(self._buffer) < length:
            return False
        self.body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return True

    def _to_the_end(self) -> bool:
        self._refuse_beyond(len(self._buffer))
        return False

    def _chunks(self) -> bool:
        buffer = self._buffer
        while True:
            if self._length:
                if len(buffer) < self._length + 2:
                    return False
                if buffer[self._length : self._length + 2] != b"\r\n":
                    raise Garbled("a chunk of the answer is not as long as it says")
                self._taken += buffer[: self._length]
                del buffer[: self._length + 2]
            line = self._line()
            if line is None:
                self._length = 0
                return False
            size = line.partition(b";")[0]
            if not 0 < len(size) <= _LENGTH_DIGITS or not _HEX.issuperset(size):
                raise Garbled("a chunk of the answer does not say how long it is")
            self._length = int(size, 16)
            self._refuse_beyond(len(self._taken) + self._length)
            if not self._length:
                self._read = Answer._trailers
                return self._trailers()

    def _trailers(self) -> bool:
        while (line := self._line()) is not None:
            if not line:
                self.body = bytes(self._taken)
                return True
        return False

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, _LONGEST_LINE + 2)
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise Garbled("a line in the answer's body is too long")
            return None
        line = bytes(self._buffer[:end])
        if b"\n" in line or b"\r" in line:
            raise Garbled("the answer's body has ends of lines that are none")
        del self._buffer[: end + 2]
        return line

    def _refuse_beyond(self, size: int) -> None:
        if size > LARGEST_BODY:
            raise Garbled("the answer is too large")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
