from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import AddressRefused
from chalicelib.outbound.addresses import Endpoint, address_fault, checked, parse_endpoint

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "198.17.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "2001:4860:4860::8888",
]

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "::1",
    "fc00::1",
    "fdff::1",
]

NEVER = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "4000::1",
    "2001:20::1",
    # IPv4 within IPv6: mapped, compatible, translated (both prefixes), 6to4, Teredo, and "translated" of old.
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2002:808:808::",
    "2001:0:808:808::f5ff:fffe",
    "::ffff:0:127.0.0.1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_called(text: str) -> None:
    assert address_fault(ip_address(text), allow_private=False) is None
    assert address_fault(ip_address(text), allow_private=True) is None


@pytest.mark.parametrize("text", PRIVATE)
def test_a_private_address_may_be_called_where_the_stage_says_so(text: str) -> None:
    assert address_fault(ip_address(text), allow_private=False) is not None
    assert address_fault(ip_address(text), allow_private=True) is None


@pytest.mark.parametrize("text", NEVER)
def test_what_is_nobodys_or_a_metadata_service_may_never_be_called(text: str) -> None:
    assert address_fault(ip_address(text), allow_private=False) is not None
    assert address_fault(ip_address(text), allow_private=True) is not None


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_python_calls_private_or_not_global_is_refused(address: object) -> None:
    fault = address_fault(address, allow_private=False)

    assert fault is not None or (address.is_global and not address.is_multicast and not address.is_private)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_that_carries_an_ipv4_one_may_be_called(address: object) -> None:
    carried = address.ipv4_mapped or address.sixtofour or address.teredo

    assert carried is None or address_fault(address, allow_private=True) is not None


def test_one_address_inside_is_enough_for_a_refusal() -> None:
    assert [str(address) for address in checked(["8.8.8.8", "1.1.1.1"], allow_private=False)] == ["8.8.8.8", "1.1.1.1"]
    for inside in ("10.0.0.1", "::1", "169.254.169.254"):
        with pytest.raises(AddressRefused, match="public addresses only"):
            checked(["8.8.8.8", inside], allow_private=False)


def test_what_a_resolver_gives_that_is_no_address_is_refused() -> None:
    with pytest.raises(AddressRefused):
        checked(["not-an-address"], allow_private=True)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://idp.example/token", Endpoint(secure=True, host="idp.example", port=443, target="/token")),
        ("https://IDP.example", Endpoint(secure=True, host="idp.example", port=443, target="/")),
        ("https://idp.example?a=b", Endpoint(secure=True, host="idp.example", port=443, target="/?a=b")),
        ("https://idp.example:8443/a?b", Endpoint(secure=True, host="idp.example", port=8443, target="/a?b")),
        ("https://[2606:4700::1]/", Endpoint(secure=True, host="2606:4700::1", port=443, target="/")),
        ("https://xn--bcher-kva.example/", Endpoint(secure=True, host="xn--bcher-kva.example", port=443, target="/")),
    ],
)
def test_an_address_is_taken_apart(url: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(url, allow_private=False) == endpoint


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://idp.example/token", "idp.example"),
        ("https://idp.example:443/token", "idp.example"),
        ("https://idp.example:80/token", "idp.example:80"),
        ("http://idp.example/token", "idp.example"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
    ],
)
def test_the_host_header_names_the_port_only_where_it_is_not_the_schemes_own(url: str, authority: str) -> None:
    assert parse_endpoint(url, allow_private=True).authority == authority


REFUSED = {
    "plain http": "http://idp.example/token",
    "another scheme": "ftp://idp.example/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://idp.example/",
    "no scheme": "idp.example/token",
    "no host": "https:///token",
    "a host of nothing": "https://:443/",
    "user information": "https://user:pass@idp.example/",
    "an empty user": "https://@idp.example/",
    "another host behind a user": "https://idp.example@127.0.0.1/",
    "a backslash": "https://idp.example\\@127.0.0.1/",
    "a fragment": "https://idp.example/#a",
    "an empty fragment": "https://idp.example/#",
    "a space": "https://idp.example/a b",
    "a line feed": "https://idp.example/a\nHost: inside",
    "a tab, which urlsplit drops": "https://127.0\t.0.1/",
    "a NUL": "https://idp.example/\0",
    "a letter beyond ASCII": "https://b\u00fccher.example/",
    "digits beyond ASCII, which IDNA makes an address": "https://\u2460\u2461\u2467.0.0.1/",
    "a full stop beyond ASCII": "https://127\u30020\u30020\u30021/",
    "port 0": "https://idp.example:0/",
    "a port beyond 65535": "https://idp.example:65536/",
    "a port of letters": "https://idp.example:https/",
    "brackets without an address": "https://[idp.example]/",
    "an address of a version to come": "https://[v1.abc]/",
    "one with colons": "https://[v1.a:b]/",
    "an open bracket": "https://[::1/",
    "a zone": "https://[fe80::1%25eth0]/",
    "a percent in the host": "https://%31%32%37.0.0.1/",
    "an asterisk": "https://*.example/",
    "a dot alone": "https://./",
    "two dots": "https://idp..example/",
    "a label beyond 63, which no certificate can name": f"https://{'a' * 64}.example/",
    "a host beyond 253": f"https://{'a.' * 127}example/",
    "beyond the limit": f"https://idp.example/{'a' * 2_048}",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_an_address_that_breaks_a_rule_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        parse_endpoint(url, allow_private=False)

    assert refusal.value.detail == f"an address: {refusal.value.facts['rule']}"
    assert url not in refusal.value.detail


def test_plain_http_is_for_a_stage_that_allows_private_addresses() -> None:
    assert parse_endpoint("http://127.0.0.1:8080/token", allow_private=True).secure is False


SPELLINGS_OF_LOOPBACK = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "localhost",
    "LOCALHOST",
]


@pytest.mark.parametrize("host", SPELLINGS_OF_LOOPBACK)
def test_an_address_is_judged_by_what_the_system_makes_of_it(host: str) -> None:
    endpoint = parse_endpoint(f"https://{host}/", allow_private=False)
    resolved = [str(found[4][0]) for found in socket.getaddrinfo(endpoint.host, 443, type=socket.SOCK_STREAM)]

    with pytest.raises(AddressRefused, match="a loopback address"):
        checked(resolved, allow_private=False)
