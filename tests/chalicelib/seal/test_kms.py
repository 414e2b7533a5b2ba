from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import SealBroken, Unavailable
from chalicelib.seal.kms import KmsWrapper
from tests.chalicelib.aws.both import KINDS, kms_client

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

CONTEXT = {"environment": "production", "domain": "shop", "version": "1"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kms(kind: str, cloud: LiveCloud, key_id: str) -> KmsWrapper:
    return KmsWrapper(kms_client(kind, cloud.endpoint), key_id)


def test_a_key_is_generated_and_unwrapped_again(kms: KmsWrapper) -> None:
    key, wrapped = kms.generate(CONTEXT)

    assert len(key) == 32
    assert key not in wrapped
    assert kms.unwrap(wrapped, CONTEXT) == key


@pytest.mark.parametrize("changed", [{"domain": "other"}, {"version": "2"}, {"environment": "staging"}])
def test_kms_refuses_a_key_in_another_context(kms: KmsWrapper, changed: dict[str, str]) -> None:
    _, wrapped = kms.generate(CONTEXT)

    with pytest.raises(SealBroken, match="InvalidCiphertextException"):
        kms.unwrap(wrapped, {**CONTEXT, **changed})


def test_a_kms_key_that_is_switched_off_is_unavailable_and_works_again_once_switched_on(
    kind: str, cloud: LiveCloud
) -> None:
    client = cloud.client("kms")
    key = client.create_key()["KeyMetadata"]["KeyId"]
    kms = KmsWrapper(kms_client(kind, cloud.endpoint), key)
    plain, wrapped = kms.generate(CONTEXT)
    client.disable_key(KeyId=key)

    with pytest.raises(Unavailable, match="KMS answered DisabledException"):
        kms.unwrap(wrapped, CONTEXT)

    client.enable_key(KeyId=key)
    assert kms.unwrap(wrapped, CONTEXT) == plain


def test_a_kms_key_that_is_not_there_is_unavailable(kind: str, cloud: LiveCloud) -> None:
    nowhere = KmsWrapper(kms_client(kind, cloud.endpoint), "00000000-0000-0000-0000-000000000000")

    with pytest.raises(Unavailable, match="KMS answered NotFoundException"):
        nowhere.generate(CONTEXT)


def test_a_kms_that_does_not_answer_is_unavailable(kind: str) -> None:
    nobody = KmsWrapper(kms_client(kind, "http://127.0.0.1:9"), "any")

    with pytest.raises(Unavailable, match=r"KMS did not answer: (EndpointConnection|ConnectionRefused)Error"):
        nobody.unwrap(b"wrapped", CONTEXT)
