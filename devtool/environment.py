"""Environments for children and clients in which no real AWS account can appear.

Nothing of AWS is inherited: not a key, not a profile, not an endpoint, not a file under ~/.aws. This module
is read before anything is installed, so that its top level imports the standard library alone.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
ACCOUNT = "000000000000"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105 - the emulator's fixed deployer key

_FOREIGN = ("AWS_", "BOTO_", "AMAZON_")
# Settings of botocore that name files.
_FILES = ("config_file", "credentials_file")
_LOOPBACK = "127.0.0.1,localhost,::1"
# What a Lambda worker may see of the developer's shell. It inherits the emulator's environment.
_KEPT_FOR_EMULATOR = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Drop every variable that an AWS library would read."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(_FOREIGN)}


def fixed_credentials() -> dict[str, str]:
    """Name the local key and region, and close every other place that credentials come from."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def for_child(endpoint: str | None, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build the environment of a tool that we start: the shell's without AWS, plus the local cloud's.

    Without an endpoint the child can sign nothing that anybody accepts: `chalice package` needs no more.
    """
    environment = without_aws(os.environ if inherited is None else inherited)
    environment.update(fixed_credentials())
    environment["NO_PROXY"] = environment["no_proxy"] = _LOOPBACK
    if endpoint is not None:
        environment["AWS_ENDPOINT_URL"] = endpoint
    return environment


def for_emulator(settings: Mapping[str, str], inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build MiniStack's environment from little, for all of it reaches the Lambda functions.

    No AWS_ENDPOINT_URL: it would leak into the functions and hide the one that MiniStack sets for each.
    """
    shell = os.environ if inherited is None else inherited
    environment = {name: shell[name] for name in _KEPT_FOR_EMULATOR if name in shell}
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    environment["NO_PROXY"] = environment["no_proxy"] = _LOOPBACK
    return environment | dict(settings)


_creating = threading.Lock()


@functools.cache
def _session() -> Any:
    """Make a session that looks at no variable and at no file.

    It is kept, for it has read the services' models, which takes longer than all else about a client.
    """
    import boto3  # noqa: PLC0415 - see the module's docstring
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    # Of each setting (name in a file, variable, default, conversion) only the default is left.
    settings = {
        name: (None, None, os.devnull if name in _FILES else default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    session = Session(session_vars=settings)
    session.set_credentials(ACCESS_KEY, SECRET_KEY)
    return boto3.Session(botocore_session=session, region_name=REGION)


def client(service: str, endpoint: str, *, read_timeout: float = 60) -> Any:
    """Open a boto3 client of the local cloud; its key, region and endpoint are given, never looked up."""
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        retries={"max_attempts": 2},
        connect_timeout=5,
        read_timeout=read_timeout,
        max_pool_connections=64,
        proxies={},
        s3={"addressing_style": "path"},
    )
    with _creating:  # a session makes clients for one thread at a time
        return _session().client(service, endpoint_url=endpoint, config=config)
