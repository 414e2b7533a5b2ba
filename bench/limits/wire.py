"""The least that speaks to AWS: a signature, a socket, bytes. No retries, no pool, no care: a limit, not a client."""

from __future__ import annotations

import hmac
import json
import os
import socket
import ssl
import time
from functools import cache
from hashlib import sha256

TYPE_CHECKING = False  # `typing` itself is 6 ms of a cold start, which a limit can do without
if TYPE_CHECKING:
    from typing import Any

_END_OF_HEAD = b"\r\n\r\n"


def connected() -> socket.socket:
    """Return a connection to AWS_ENDPOINT_URL."""
    scheme, _, rest = os.environ["AWS_ENDPOINT_URL"].partition("://")
    host, _, port = rest.partition(":")
    line = socket.create_connection((host, int(port)))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if scheme == "https":
        return context().wrap_socket(line, server_hostname=host)
    return line


@cache
def context() -> ssl.SSLContext:
    """Return the one TLS context of this process."""
    return ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])


def asked(line: socket.socket, operation: str, **arguments: Any) -> dict[str, Any]:
    """Ask DynamoDB."""
    request = signed(f"DynamoDB_20120810.{operation}", json.dumps(arguments).encode())
    answer: dict[str, Any] = json.loads(exchanged(line, request))
    return answer


def signed(target: str, body: bytes, *, service: str = "dynamodb", path: str = "/") -> bytes:
    """Return a whole signed POST, of AWS's JSON protocol where there is a target."""
    host = os.environ["AWS_ENDPOINT_URL"].partition("://")[2]
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    day, region = moment[:8], os.environ["AWS_REGION"]
    sent = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": moment,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
        **({"x-amz-target": target} if target else {}),
    }
    lines, names = "".join(f"{name}:{value}\n" for name, value in sent.items()), ";".join(sent)
    canonical = f"POST\n{_twice(path)}\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return (
        f"POST {path} HTTP/1.1\r\n{head}authorization: AWS4-HMAC-SHA256 Credential={credential}, "
        f"SignedHeaders={names}, Signature={signature}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def exchanged(line: socket.socket, request: bytes) -> bytes:
    """Send a request and return the body of its answer."""
    line.sendall(request)
    heard = line.recv(65_536)
    while (end := heard.find(_END_OF_HEAD)) < 0:
        heard += line.recv(65_536)
    head, body = heard[:end], heard[end + len(_END_OF_HEAD) :]
    begins = head.lower().index(b"content-length:") + len(b"content-length:")
    length = int(head[begins:].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += line.recv(65_536)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"AWS answered {head[:60]!r}")
    return body


def _twice(path: str) -> str:
    """Return a path as a signature is made over it: encoded once more. Ours hold nothing else that it concerns."""
    return path.replace("%", "%25").replace("@", "%40")
