"""The routers in memory, and how FreeRADIUS is told of one."""

from dataclasses import replace

from cryptography.fernet import Fernet

from db.crypto import Keyring
from db.queries.routers import BlockedMac, RouterRow
from radius.routers import RouterTable, client_pairs

RING = Keyring([Fernet.generate_key()])
OTHER_RING = Keyring([Fernet.generate_key()])


def row(number: int, address: str, ring: Keyring = RING, *, signs: bool = True) -> RouterRow:
    return RouterRow(
        nas_server_id=number,
        tenant_id=1,
        address=address,
        name=f"router-{number}",
        secret_token=ring.encrypt(f"secret-{number}"),
        require_message_authenticator=signs,
    )


def test_a_router_is_found_by_its_address_and_by_its_number() -> None:
    table = RouterTable()

    assert table.replace([row(7, "10.0.0.1"), row(8, "2001:db8::1")], RING) == []

    assert table.by_address["10.0.0.1"] is table.by_number["7"]
    assert table.by_address["2001:db8::1"].secret == "secret-8"


def test_a_router_that_is_gone_is_not_found() -> None:
    table = RouterTable()
    table.replace([row(7, "10.0.0.1"), row(8, "10.0.0.2")], RING)

    table.replace([row(8, "10.0.0.3")], RING)

    assert (list(table.by_address), list(table.by_number)) == (["10.0.0.3"], ["8"])


def test_a_router_whose_secret_cannot_be_read_is_named_and_keeps_nobody_else_out() -> None:
    table = RouterTable()

    unreadable = table.replace([row(7, "10.0.0.1", OTHER_RING), row(8, "10.0.0.2")], RING)

    assert unreadable == ["router-7"]
    assert list(table.by_address) == ["10.0.0.2"]


def test_freeradius_is_told_address_secret_number_and_whether_requests_must_be_signed() -> None:
    table = RouterTable()
    table.replace([row(7, "10.0.0.1"), row(8, "2001:db8::1", signs=False)], RING)

    told = {address: dict(client_pairs(address, r)) for address, r in table.by_address.items()}

    assert told["10.0.0.1"]["FreeRADIUS-Client-IP-Address"] == "10.0.0.1"
    assert told["10.0.0.1"]["FreeRADIUS-Client-Secret"] == "secret-7"
    assert told["10.0.0.1"]["FreeRADIUS-Client-Shortname"] == "7"
    assert told["10.0.0.1"]["FreeRADIUS-Client-Require-MA"] == "yes"
    assert told["2001:db8::1"]["FreeRADIUS-Client-IPv6-Address"] == "2001:db8::1"
    assert told["2001:db8::1"]["FreeRADIUS-Client-Require-MA"] == "no"


def test_a_router_has_the_blacklist_of_its_own_provider() -> None:
    table = RouterTable()
    other = replace(row(8, "10.0.0.2"), tenant_id=2)

    table.replace([row(7, "10.0.0.1"), other], RING, [BlockedMac(1, "02:00:00:00:00:01")])

    assert table.by_number["7"].blocked_macs == {"02:00:00:00:00:01"}
    assert not table.by_number["8"].blocked_macs
