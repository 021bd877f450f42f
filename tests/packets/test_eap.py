"""802.1X through a real FreeRADIUS: the supplicant of a phone or laptop (eapol_test) logs in by every EAP method."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from factories import make_customer, make_nas, make_plan, make_session, make_subscription
from packets.conftest import SECRET
from packets.supplicant import PASSWORD, PEAP_MSCHAPV2, PROGRAM, TTLS_MSCHAPV2, TTLS_PAP, Supplicant
from radius_stack import RadiusStack, wait_for
from runtime import certificates
from simulator import Login, Service

_numbers = count()

BY_PASSWORD = pytest.mark.parametrize("method", [TTLS_PAP, TTLS_MSCHAPV2, PEAP_MSCHAPV2], ids=str)


@pytest.fixture(scope="module")
def served(stack: RadiusStack) -> RadiusStack:
    """The server with an access point and some subscriptions."""
    with stack.sessions() as db:
        nas = make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        plan = make_plan(db, connection_type="any", concurrent_connections=1000, garden_mode="never")
        for_one = make_plan(db, connection_type="any", concurrent_connections=1)
        customers: dict[str, dict[str, Any]] = {
            "budi": {},
            "siti": {"status": "suspended"},
            "andi": {"connection_type": "pppoe"},
            "rina": {"plan": for_one},
        }
        for name, over in customers.items():
            values = {"plan": plan, "connection_type": "dot1x", "service_password": PASSWORD} | over
            row = make_subscription(db, customer=make_customer(db), username=name, **values)
            if name == "rina":
                make_session(db, row, nas, callingstationid="AA:BB:CC:00:00:01")
        db.commit()
    with stack.router(secret=SECRET, coa_port=None) as router:
        login = Login(service=Service.PPPOE, username="nobody", password="nothing")
        wait_for(lambda: router.authenticate(login).accepted is not None, 10)
    return stack


@pytest.fixture
def supplicant(served: RadiusStack, tmp_path: Path) -> Supplicant:
    """A device that trusts this installation's authority; a new one each time, since wrong passwords are remembered."""
    assert PROGRAM is not None, "eapol_test is missing: scripts/bootstrap test installs it"
    ca = served.settings.eap_folder / certificates.CA_FILE
    mac = f"02:00:00:00:01:{next(_numbers):02X}"
    return Supplicant(folder=tmp_path, port=served.settings.radius_auth_port, ca=ca, mac=mac)


def records_of(stack: RadiusStack, username: str, since: float) -> list[tuple[str, str, str]]:
    """Service, result and reason of each record of a name, once they are written."""
    time.sleep(1.0)
    return [(r[5], r[6], r[7]) for r in stack.access_records() if r[3] == username and r[0] >= since]


def issue(folder: Path, name: str) -> certificates.ClientCertificate:
    return certificates.issue_client(folder, name, now=datetime.now(UTC), days=30, password="secret-of-the-bundle")


@BY_PASSWORD
def test_a_right_password_lets_the_device_in_and_is_one_login(
    method: dict[str, str], supplicant: Supplicant, served: RadiusStack
) -> None:
    begun = time.time()

    assert supplicant.by_password(method, "budi")

    assert records_of(served, "budi", begun) == [("dot1x", "accept", "accepted")]


@BY_PASSWORD
def test_the_accept_outside_carries_what_was_decided_inside(method: dict[str, str], supplicant: Supplicant) -> None:
    said = supplicant.said(**method, identity='"budi"', password=f'"{PASSWORD}"')

    (accept,) = [part for part in said.split("RADIUS message: code=")[1:] if part.startswith("2 (Access-Accept)")]
    assert b"lts1:".hex() in accept.replace(" ", "")
    assert "Acct-Interim-Interval" in accept or "Attribute 85" in accept
    assert "Attribute 26" in accept
    assert accept.index("Attribute 80") < accept.index("Attribute 79")


@BY_PASSWORD
def test_a_wrong_password_is_refused_and_recorded_as_one(
    method: dict[str, str], supplicant: Supplicant, served: RadiusStack
) -> None:
    begun = time.time()

    assert not supplicant.by_password(method, "budi", "not the password")

    assert records_of(served, "budi", begun) == [("dot1x", "reject", "wrong_password")]


@BY_PASSWORD
@pytest.mark.parametrize(
    ("username", "reason"),
    [
        ("siti", "subscription_suspended"),
        ("andi", "wrong_service"),
        ("rina", "session_limit"),
        ("tono", "unknown_user"),
    ],
)
def test_who_may_not_log_in_is_refused_in_the_tunnel(
    method: dict[str, str], username: str, reason: str, supplicant: Supplicant, served: RadiusStack
) -> None:
    begun = time.time()

    assert not supplicant.by_password(method, username)

    assert records_of(served, username, begun) == [("dot1x", "reject", reason)]


@BY_PASSWORD
def test_a_device_that_trusts_another_authority_tells_its_password_to_nobody(
    method: dict[str, str], supplicant: Supplicant, served: RadiusStack, tmp_path: Path
) -> None:
    begun = time.time()
    other = certificates.ensure(tmp_path / "other", now=datetime.now(UTC))

    assert not replace(supplicant, ca=other / certificates.CA_FILE).by_password(method, "budi")

    assert records_of(served, "budi", begun) == []


def test_a_certificate_of_this_authority_is_a_login(supplicant: Supplicant, served: RadiusStack) -> None:
    begun = time.time()

    assert supplicant.by_certificate(issue(served.settings.eap_folder, "budi"))

    assert records_of(served, "budi", begun) == [("dot1x", "accept", "accepted")]


def test_the_certificate_says_who_it_is_and_not_the_name_outside(supplicant: Supplicant, served: RadiusStack) -> None:
    begun = time.time()

    assert not supplicant.by_certificate(issue(served.settings.eap_folder, "siti"), identity="budi")

    assert records_of(served, "siti", begun) == [("dot1x", "reject", "subscription_suspended")]
    assert records_of(served, "budi", begun) == []


def test_a_certificate_of_another_authority_is_refused(
    supplicant: Supplicant, served: RadiusStack, tmp_path: Path
) -> None:
    begun = time.time()
    other = certificates.ensure(tmp_path / "other", now=datetime.now(UTC))

    assert not supplicant.by_certificate(issue(other, "budi"))

    assert records_of(served, "budi", begun) == []


def test_a_revoked_certificate_is_refused_and_the_others_go_on(supplicant: Supplicant, served: RadiusStack) -> None:
    folder, now = served.settings.eap_folder, datetime.now(UTC)
    revoked, kept = issue(folder, "budi"), issue(folder, "budi")
    assert supplicant.by_certificate(revoked)
    certificates.write_crl(folder, {revoked.serial: now}, now=now)
    served.kill("login")
    served.start("login")

    assert not supplicant.by_certificate(revoked)
    assert supplicant.by_certificate(kept)


def test_one_that_is_revoked_now_is_refused_at_once(supplicant: Supplicant, served: RadiusStack) -> None:
    made, kept = issue(served.settings.eap_folder, "budi"), issue(served.settings.eap_folder, "budi")
    served.sql(
        "INSERT INTO issued_certificates (tenant_id, kind, serial, name, valid_until, issued_by)"
        " SELECT id, 'customer', %s, 'budi', now() + interval '1 day', 'test' FROM tenants LIMIT 1",
        made.serial,
    )
    assert supplicant.by_certificate(made)

    served.sql("UPDATE issued_certificates SET revoked_at = now() WHERE serial = %s", made.serial)
    time.sleep(1.0)

    assert not supplicant.by_certificate(made)
    assert supplicant.by_certificate(kept)


def test_a_device_that_wants_another_method_is_led_to_a_tunnel_or_refused(supplicant: Supplicant) -> None:
    assert not supplicant.joins(eap="MD5", identity='"budi"', password=f'"{PASSWORD}"', eapol_flags="0")
