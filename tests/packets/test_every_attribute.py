"""Every attribute of the table through a real FreeRADIUS: what an operator writes arrives, at each vendor."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from db.models import RadReply
from domain.access import NAS_TYPES
from domain.attributes import ATTRIBUTES, GIGAWORDS, Attribute, is_for, split_limit
from factories import make_customer, make_nas, make_plan, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter
from simulator.dictionary import standard

WRITTEN = [attribute for attribute in ATTRIBUTES.values() if attribute.by_hand]
# A second value for those that may repeat.
SECOND = {
    "Framed-Route": "10.9.0.0/16 10.0.0.1 1",
    "Framed-IPv6-Route": "2001:db8:9::/48 :: 1",
    "Framed-IPv6-Prefix": "2001:db8:9::/64",
    "Framed-IPv6-Address": "2001:db8:9::9",
    "Delegated-IPv6-Prefix": "2001:db8:9::/48",
    "DNS-Server-IPv6-Address": "2001:db8:9::53",
    "Filter-Id": "staff.out",
    "Mikrotik-Address-List": "late payers",
    "Mikrotik-Advertise-URL": "https://isp.example.net/second",
    "Mikrotik-Advertise-Interval": "3600",
    "Cisco-AVPair": "ip:sub-qos-policy-in=GOLD",
    "Cisco-Account-Info": "AINTERNET",
    "ERX-Service-Activate": "video(4)",
}
VLAN = {"Tunnel-Type": "VLAN", "Tunnel-Medium-Type": "IEEE-802", "Tunnel-Private-Group-Id": "120"}
EVERYTHING = "everything"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A router of each vendor, and the answers it got."""

    routers: dict[str, SimulatedRouter]

    def ask(self, vendor: str, username: str) -> LoginResult:
        """A login that must be accepted."""
        login = Login(service=Service.PPPOE, username=username, password=f"pw-{username}", method=Method.PAP)
        result = self.routers[vendor].authenticate(login)
        assert result.accepted, (username, result.problems)
        return result


def rows_of(attribute: Attribute) -> list[tuple[str, str, str]]:
    """What an operator writes to send the attribute; twice where it may repeat."""
    if attribute.name in VLAN:
        return [(name, ":=", value) for name, value in VLAN.items()]
    first = (attribute.name, ":=", attribute.example)
    return [first, (attribute.name, "+=", SECOND[attribute.name])] if attribute.repeats else [first]


def on_the_wire(name: str, value: str) -> str | int:
    """A value as the simulated router reads it."""
    definition = standard().by_name[name]
    return definition.names.get(int(value), int(value)) if value.isdigit() and definition.type == "integer" else value


@pytest.fixture(scope="module")
def scene(stack: RadiusStack) -> Iterator[Scene]:
    """The routers, and a subscription for each attribute and for all of MikroTik's together."""
    with stack.sessions() as db:
        plan, customer = make_plan(db, connection_type="any"), make_customer(db)
        for number, vendor in enumerate(NAS_TYPES):
            make_nas(db, host=f"127.0.2.{number + 1}", radius_secret=SECRET, type=vendor)
        everything = {row[0]: row for attribute in WRITTEN for row in rows_of(attribute) if row[1] == ":="}
        by_user = {f"user-{attribute.name}": rows_of(attribute) for attribute in WRITTEN}
        for username, rows in (by_user | {EVERYTHING: list(everything.values()), "plain": []}).items():
            row = make_subscription(db, plan=plan, customer=customer, username=username, connection_type="any")
            db.add_all(
                RadReply(tenant_id=row.tenant_id, username=username, attribute=name, op=op, value=value)
                for name, op, value in rows
            )
        db.commit()
    hosts = {vendor: f"127.0.2.{number + 1}" for number, vendor in enumerate(NAS_TYPES)}
    routers = {v: stack.router(secret=SECRET, source_ip=host, coa_port=None) for v, host in hosts.items()}
    for router in routers.values():
        router.__enter__()
    try:
        scene = Scene(routers=routers)
        wait_for(lambda: scene.routers["mikrotik"].authenticate(_plain()).accepted is not None, 10)
        yield scene
    finally:
        for router in routers.values():
            router.__exit__(None, None, None)


def _plain() -> Login:
    return Login(service=Service.PPPOE, username="plain", password="pw-plain", method=Method.PAP)


@pytest.mark.parametrize("attribute", WRITTEN, ids=lambda attribute: attribute.name)
def test_what_an_operator_writes_reaches_the_router_as_written(attribute: Attribute, scene: Scene) -> None:
    vendor = attribute.vendors[0] if attribute.vendors else "mikrotik"

    reply = scene.ask(vendor, f"user-{attribute.name}").reply

    for written in {name for name, _, _ in rows_of(attribute)}:
        values = [value for name, _, value in rows_of(attribute) if name == written]
        halves = [half for value in values for half in split_limit(written, value)]
        for name in {name for name, _ in halves}:
            expected = [on_the_wire(name, value) for half, value in halves if half == name]
            assert [value for sent, value in reply if sent == name] == expected


@pytest.mark.parametrize("vendor", NAS_TYPES)
def test_a_router_is_sent_nothing_that_its_vendor_does_not_know(vendor: str, scene: Scene) -> None:
    reply = dict(scene.ask(vendor, EVERYTHING).reply)

    names = {name for name in reply if name not in ("Message-Authenticator", "Class")}
    wanted = {attribute.name for attribute in WRITTEN if is_for(attribute.name, vendor)}
    assert {name for name in names if not is_for(name, vendor)} == set()
    assert wanted <= names
    twins = {twin for name, twin in GIGAWORDS.items() if name in names}
    # Beside what was written there are only the vendor's own words for what the policy grants.
    assert names - wanted - twins <= {"ERX-Service-Activate:1"}


@pytest.mark.parametrize(
    ("vendor", "speed"),
    [
        ("mikrotik", {"Mikrotik-Rate-Limit": "5M/10M"}),
        ("cisco", {"Cisco-Account-Info": "QU;5000000;937500;1875000;D;10000000;1875000;3750000"}),
        (
            "huawei",
            {
                "Huawei-Input-Average-Rate": 5_000_000,
                "Huawei-Input-Peak-Rate": 5_000_000,
                "Huawei-Output-Average-Rate": 10_000_000,
                "Huawei-Output-Peak-Rate": 10_000_000,
            },
        ),
        ("juniper", {"ERX-Service-Activate:1": "lintas-speed(10000k,5000k)"}),
        ("ubiquiti", {"WISPr-Bandwidth-Max-Up": 5_000_000, "WISPr-Bandwidth-Max-Down": 10_000_000}),
        (
            "cambium",
            {
                "Cambium-ePMP-Max-Burst-Uplink-Rate": 5000,
                "Cambium-ePMP-Max-Burst-Downlink-Rate": 10_000,
                "Motorola-Canopy-ULBR": 5000,
                "Motorola-Canopy-DLBR": 10_000,
            },
        ),
    ],
)
def test_the_same_plan_is_said_to_each_vendor_in_its_own_words(
    vendor: str, speed: dict[str, object], scene: Scene
) -> None:
    reply = {name: value for name, value in scene.ask(vendor, "plain").reply if name != "Message-Authenticator"}

    assert reply.pop("Class")
    assert reply == {"Acct-Interim-Interval": 300, **speed}
