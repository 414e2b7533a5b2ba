from __future__ import annotations

import json
import subprocess
import sys

from devtool import environment

# What a developer's shell may hold. None of it may reach a child.
REAL = {
    "AWS_PROFILE": "production",
    "AWS_DEFAULT_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "realrealrealrealrealrealrealrealrealreal",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEreal",
    "AWS_REGION": "eu-west-3",
    "AWS_DEFAULT_REGION": "eu-west-3",
    "AWS_ENDPOINT_URL": "https://real.example",
    "AWS_ENDPOINT_URL_DYNAMODB": "https://real.example",
    "AWS_CONFIG_FILE": "/home/real/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/home/real/.aws/credentials",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/real",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/real/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://real.example",
    "AWS_CA_BUNDLE": "/real/ca.pem",
    "BOTO_CONFIG": "/real/boto.cfg",
    "aws_profile": "production",
}
SHELL = {"PATH": "/usr/bin", "HOME": "/home/real", "HTTPS_PROXY": "http://real.example:3128", **REAL}


def assert_nothing_real(seen: dict[str, str]) -> None:
    leaked = {name: value for name, value in seen.items() if "real" in value.lower() or "PROFILE" in name.upper()}
    assert leaked == {}


def test_nothing_of_a_real_account_reaches_a_tool() -> None:
    child = environment.for_child("http://127.0.0.1:1", SHELL)

    assert_nothing_real({name: child[name] for name in child if name not in {"HOME", "HTTPS_PROXY"}})
    assert child["AWS_ACCESS_KEY_ID"] == "test"
    assert child["AWS_SECRET_ACCESS_KEY"] == "test"
    assert child["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert child["AWS_CONFIG_FILE"] == child["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert child["AWS_EC2_METADATA_DISABLED"] == "true"


def test_a_tool_that_needs_no_cloud_gets_no_address() -> None:
    assert "AWS_ENDPOINT_URL" not in environment.for_child(None, SHELL)


def test_loopback_traffic_goes_through_no_proxy() -> None:
    assert "127.0.0.1" in environment.for_child(None, SHELL)["NO_PROXY"]
    assert "127.0.0.1" in environment.for_emulator({}, SHELL)["no_proxy"]


def test_the_emulator_and_so_its_functions_see_almost_nothing_of_the_shell() -> None:
    child = environment.for_emulator({"GATEWAY_PORT": "1"}, SHELL)

    assert_nothing_real(child)
    assert set(child) == {
        "PATH",
        "GATEWAY_PORT",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "NO_PROXY",
        "no_proxy",
    }


def test_a_client_takes_key_region_and_address_from_nobody_but_us() -> None:
    program = """
import json
from devtool import environment
client = environment.client("dynamodb", "http://127.0.0.1:9")
credentials = client._request_signer._credentials
print(json.dumps([credentials.access_key, credentials.secret_key, credentials.token,
                  client.meta.region_name, client.meta.endpoint_url]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin", **REAL},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == ["test", "test", None, "us-east-1", "http://127.0.0.1:9"]
