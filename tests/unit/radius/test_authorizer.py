"""One login: who asks, over what, from which device; and what an outage or a bug means for it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.queries.reader import UnableToRead
from domain.access import REASONS
from domain.mac import normalise_mac
from domain.service import service_of
from profiles import DEVICES, GOOD_STANDING
from radius import compiled as compiled_module
from radius.authorizer import DO_NOT_RESPOND, Request
from radius.pairs import UnableToRender
from radius.store import HOLD_S
from simulator.attributes import Login, RouterFacts, Service, SessionFacts, access_request
from tests.unit.radius.desk import CODES, Desk, a_session, request_of

SILENCE = (CODES.handled, (), DO_NOT_RESPOND)
REFUSED = (CODES.reject, (), ())


def accepted(answer: tuple[int, object, object]) -> bool:
    return answer[0] == CODES.accept


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.keep(GOOD_STANDING)
    return desk


# --- who asks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [(), (("Tmp-String-1", "8"),), (("Tmp-String-1", ""),)])
def test_a_router_that_is_not_known_gets_silence(desk: Desk, number: Request) -> None:
    assert desk.ask((("User-Name", "budi"), *number)) == SILENCE
    assert desk.records == []


def test_a_name_is_looked_up_without_the_spaces_around_it(desk: Desk) -> None:
    assert accepted(desk.login(" budi "))


def test_a_name_is_looked_up_as_it_is_written(desk: Desk) -> None:
    assert desk.login("Budi") == REFUSED
    assert desk.records[-1].reason == "unknown_user"


def test_a_stranger_is_refused_and_the_database_is_asked_once(desk: Desk) -> None:
    for _ in range(3):
        assert desk.login("nobody", mac="02-00-00-00-00-01") == REFUSED

    assert desk.database.reads == ["profile"]
    record = desk.records[-1]
    assert (record.reason, record.subscription_id, record.username) == ("unknown_user", None, "nobody")
    assert (record.nas_server_id, record.tenant_id, record.callingstationid) == (7, 1, "02-00-00-00-00-01")


def test_a_known_customer_is_read_once(desk: Desk) -> None:
    for _ in range(3):
        assert accepted(desk.login(mac=DEVICES[0]))

    assert desk.database.reads == ["profile"]


@pytest.mark.parametrize("name", ["budi", "nobody"])
def test_a_login_that_cannot_be_read_says_so_whoever_it_claims_to_be(desk: Desk, name: str) -> None:
    assert desk.login(name, extra=(("Tmp-String-3", "unreadable"),)) == REFUSED

    assert desk.records[-1].reason == "unreadable"


def test_every_reason_recorded_here_has_words_for_staff() -> None:
    assert {"unknown_user", "unreadable", "policy_error", "session_limit", "wrong_password"} <= REASONS.keys()


# --- over what ----------------------------------------------------------------------------------------------------


def real_request(service: Service) -> dict[str, str]:
    """What the simulated router sends beside the password."""
    name = "02:00:00:00:00:01" if service in (Service.DHCP, Service.WIRELESS) else "budi"
    login = Login(service=service, username=name, mac="02:00:00:00:00:01")
    facts = SessionFacts(login=login, session_id="81000001", number=1, framed_ip="100.64.0.2")
    sent = access_request(facts, RouterFacts(identity="r", nas_ip="192.0.2.1"), [])
    return {name: str(value) for name, value in sent}


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        (Service.PPPOE, "pppoe"),
        (Service.PPTP, "vpn"),
        (Service.L2TP, "vpn"),
        (Service.SSTP, "vpn"),
        (Service.OVPN, "vpn"),
        (Service.HOTSPOT, "hotspot"),
        (Service.DHCP, "dhcp"),
        (Service.WIRELESS, "wireless"),
    ],
)
def test_the_service_is_known_from_what_the_router_really_sends(service: Service, wanted: str) -> None:
    request = real_request(service)

    assert service_of(request, normalise_mac(request["Calling-Station-Id"])) == wanted


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({}, "other"),
        ({"Service-Type": "Login-User"}, "other"),
        ({"Service-Type": "Login-User", "WISPr-Logoff-URL": "http://x/logout"}, "hotspot"),
        ({"Mikrotik-Host-IP": "10.5.50.2"}, "hotspot"),
        ({"NAS-Port-Type": "Ethernet"}, "other"),
        ({"NAS-Port-Type": "Ethernet", "User-Name": "budi"}, "other"),
        ({"NAS-Port-Type": "Ethernet", "User-Name": "000c4200d464"}, "dhcp"),
        ({"NAS-Port-Type": "Ethernet", "User-Name": "00:11:32:C9:FD:24", "Service-Type": "Framed-User"}, "other"),
        ({"NAS-Port-Type": "Ethernet", "User-Name": "00:11:32:C9:FD:24", "Acct-Session-Id": "86b00006"}, "dot1x"),
        ({"NAS-Port-Type": "Ethernet", "User-Name": "00:11:32:C9:FD:24", "EAP-Message": "0x02"}, "dot1x"),
        ({"NAS-Port-Type": "Wireless-802.11"}, "other"),
        ({"NAS-Port-Type": "Wireless-802.11", "User-Name": "00-11-32-C9-FD-24"}, "wireless"),
        ({"Called-Station-Id": "02-0A-00-00-00-01:rumah"}, "wireless"),
        ({"Called-Station-Id": "02-0A-00-00-00-01:rumah", "EAP-Message": "0x02"}, "dot1x"),
        ({"Called-Station-Id": "02-0A-00-00-00-01"}, "other"),
        ({"Framed-Protocol": "PPP", "NAS-Port-Type": "Virtual"}, "vpn"),
        ({"Framed-Protocol": "PPP", "Calling-Station-Id": "203.0.113.7"}, "vpn"),
        ({"Framed-Protocol": "PPP", "Mikrotik-Host-IP": "10.5.50.2"}, "pppoe"),
        ({"Framed-Protocol": "SLIP"}, "other"),
    ],
)
def test_the_service_by_attributes(attributes: dict[str, str], wanted: str) -> None:
    assert service_of(attributes, normalise_mac(attributes.get("Calling-Station-Id", ""))) == wanted


# --- devices and places -------------------------------------------------------------------------------------------


def test_a_place_is_held_from_the_accept_for_half_a_minute(desk: Desk) -> None:
    assert accepted(desk.login(mac=DEVICES[0]))
    assert desk.login(mac=DEVICES[1]) == REFUSED
    assert desk.records[-1].reason == "session_limit"

    desk.clock.sleep(HOLD_S)

    assert accepted(desk.login(mac=DEVICES[1]))


def test_the_same_device_in_another_spelling_gets_its_own_place_back(desk: Desk) -> None:
    for spelling in (DEVICES[0], DEVICES[0].replace(":", "-"), DEVICES[0].replace(":", ""), "1:2:0:0:0:0:1"):
        assert accepted(desk.login(mac=spelling)), spelling


def test_a_wrong_password_gives_the_place_back_and_is_recorded(desk: Desk) -> None:
    _, reply, _ = desk.login(mac=DEVICES[0])
    desk.authorizer.refuse_password(reply[-1][1])

    assert desk.refused == {desk.records[0].decision_id: "wrong_password"}
    assert accepted(desk.login(mac=DEVICES[1]))


def test_only_the_database_may_refuse_for_the_session_limit(desk: Desk) -> None:
    """Memory lists a session that the database has not heard of for hours."""
    desk.keep(GOOD_STANDING, a_session("f" * 32, 5, DEVICES[0]))

    assert accepted(desk.login(mac=DEVICES[1]))
    assert desk.database.reads == ["profile", "open_sessions"]


def test_a_session_the_database_confirms_refuses_another_device(desk: Desk) -> None:
    desk.keep(GOOD_STANDING, a_session("f" * 32, 5, DEVICES[0]))
    desk.database.open_sessions[5] = {"f" * 32: DEVICES[0]}

    assert desk.login(mac=DEVICES[1]) == REFUSED
    assert accepted(desk.login(mac=DEVICES[0]))


def test_without_the_database_nobody_is_refused_for_the_session_limit(desk: Desk) -> None:
    desk.keep(GOOD_STANDING, a_session("f" * 32, 5, DEVICES[0]))
    desk.login(mac=DEVICES[0])
    desk.database.is_up = False

    assert accepted(desk.login(mac=DEVICES[1]))
    assert desk.complaints == ["database not read: no connection"]


def test_a_session_that_opens_while_sessions_are_read_is_not_lost(desk: Desk) -> None:
    desk.keep(replace(GOOD_STANDING, session_limit=2), *(a_session(c * 32, 5, f"02:00:00:00:01:0{c}") for c in "12"))
    desk.login(mac="02:00:00:00:01:01")
    notice = json.dumps([["+", "f" * 32, 5, DEVICES[0], 7, "81000001", None]])
    desk.database.while_reading = lambda: desk.store.session_changed(notice)

    desk.login(mac=DEVICES[1])

    assert desk.entry((1, "budi")).dirty


# --- outage -------------------------------------------------------------------------------------------------------


@pytest.fixture
def outage(desk: Desk) -> Desk:
    """The customer was known; then the database went."""
    desk.login(mac=DEVICES[0])
    desk.database.is_up = False
    desk.store.distrust()
    return desk


def test_in_an_outage_a_known_customer_logs_in_and_the_record_says_it_is_stale(outage: Desk) -> None:
    assert accepted(outage.login(mac=DEVICES[0]))

    assert outage.records[-1].details == {"stale": True}
    assert outage.records[0].details is None


def test_in_an_outage_a_stranger_gets_silence_and_no_record(outage: Desk) -> None:
    before = len(outage.records)

    assert outage.login("nobody") == SILENCE
    assert len(outage.records) == before


def test_in_an_outage_a_name_that_was_nobodys_gets_silence_too(outage: Desk) -> None:
    outage.database.is_up = True
    assert outage.login("nobody") == REFUSED
    outage.database.is_up = False
    outage.store.distrust()

    assert outage.login("nobody") == SILENCE


def test_in_an_outage_what_was_known_to_be_refused_stays_refused(desk: Desk) -> None:
    desk.keep(replace(GOOD_STANDING, subscription_status="suspended"))
    desk.login()
    desk.database.is_up = False
    desk.store.distrust()

    assert desk.login() == REFUSED
    assert desk.records[-1].reason == "subscription_suspended"


@pytest.mark.parametrize(("age_s", "answered"), [(86_399.0, True), (86_400.0, True), (86_400.5, False)])
def test_what_was_last_known_is_believed_for_a_day(outage: Desk, age_s: float, answered: bool) -> None:
    outage.clock.sleep(age_s)

    answer = outage.login(mac=DEVICES[0])

    assert accepted(answer) if answered else answer == SILENCE


def test_in_an_outage_access_still_ends_by_the_clock(desk: Desk) -> None:
    soon = datetime.fromtimestamp(desk.clock.wall, UTC) + timedelta(hours=1)
    desk.keep(replace(GOOD_STANDING, expires_at=soon))
    desk.login(mac=DEVICES[0])
    desk.database.is_up = False
    desk.store.distrust()
    desk.clock.sleep(3600)

    assert desk.login(mac=DEVICES[0]) == REFUSED
    assert desk.records[-1].reason == "subscription_expired"


def test_memory_that_is_not_trusted_is_checked_at_every_login(desk: Desk) -> None:
    desk.login(mac=DEVICES[0])
    desk.store.trusted_until = 0.0
    desk.keep(replace(GOOD_STANDING, subscription_status="suspended", version=2))

    assert desk.login(mac=DEVICES[0]) == REFUSED
    assert desk.database.reads == ["profile", "profile"]


def test_after_an_outage_the_database_is_believed_again(outage: Desk) -> None:
    outage.keep(replace(GOOD_STANDING, subscription_status="suspended", version=2))
    outage.login(mac=DEVICES[0])
    outage.database.is_up = True
    outage.trust()

    assert outage.login(mac=DEVICES[0]) == REFUSED
    assert outage.records[-1].details is None


def test_a_subscription_that_is_gone_is_forgotten(desk: Desk) -> None:
    desk.login(mac=DEVICES[0])
    desk.database.rows.clear()
    desk.store.access_changed("subscription 5")

    assert desk.login(mac=DEVICES[0]) == REFUSED
    assert desk.records[-1].reason == "unknown_user"
    assert desk.store.entries == {}


# --- bugs ---------------------------------------------------------------------------------------------------------


def test_a_bug_in_a_rule_refuses_that_login_and_is_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.keep(replace(GOOD_STANDING, subscription_id=6, username="ani"))
    desk.login("ani", mac=DEVICES[1])
    rule = compiled_module.first_refusal

    def broken(login: Any, **options: Any) -> str | None:
        if login.profile.username == "budi":
            raise ZeroDivisionError
        return rule(login, **options)

    monkeypatch.setattr(compiled_module, "first_refusal", broken)
    request = request_of("budi", service="pppoe", mac=DEVICES[0])
    with pytest.raises(ZeroDivisionError):
        desk.ask(request)

    assert desk.authorizer.policy_failed(request) == REFUSED
    record = desk.records[-1]
    assert (record.username, record.result, record.reason) == ("budi", "reject", "policy_error")
    assert record.subscription_id == 5
    assert accepted(desk.login("ani", mac=DEVICES[1]))


def test_a_plan_that_cannot_be_said_refuses_and_never_goes_out_without_its_limit(desk: Desk) -> None:
    desk.keep(replace(GOOD_STANDING, address_list="a\nb"))

    with pytest.raises(UnableToRender):
        desk.login(mac=DEVICES[0])


def test_a_bug_in_a_login_from_an_unknown_router_is_refused_without_a_record(desk: Desk) -> None:
    assert desk.authorizer.policy_failed((("User-Name", "budi"),)) == REFUSED
    assert desk.records == []


def test_decisions_have_names_of_their_own(desk: Desk) -> None:
    for _ in range(50):
        desk.login(mac=DEVICES[0])
        desk.login("nobody")

    assert len({record.decision_id for record in desk.records}) == 100


def test_a_database_that_is_away_is_not_a_bug() -> None:
    desk = Desk()
    desk.database.is_up = False

    with pytest.raises(UnableToRead):
        desk.database.read("profile", "1", "budi")
    assert desk.login() == SILENCE
