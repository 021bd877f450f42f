"""The policy with everything around it made up: a clock that is set, a database that is a dictionary."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from unittest import mock

from db.queries.reader import UnableToRead
from domain.access import AccessProfile
from domain.live_change import LiveSession
from radius import authorizer as authorizer_module
from radius.authorizer import Answer, Authorizer, Codes, Request
from radius.policies.types import Place
from radius.records import Record
from radius.routers import Router, RouterTable
from radius.store import Entry, Key, ProfileStore

CODES = Codes(accept=2, reject=0, handled=3)
PLACE = Place(nas_server_id=7, nas_group_id=3)
ROUTER = Router(
    nas_server_id=7, tenant_id=1, name="r", secret="s" * 20, require_message_authenticator=True, place=PLACE
)
SERVICE_ATTRIBUTES = {
    "pppoe": (("Service-Type", "Framed-User"), ("Framed-Protocol", "PPP")),
    "hotspot": (("Service-Type", "Login-User"), ("Mikrotik-Host-IP", "10.5.50.2")),
    "vpn": (("Service-Type", "Framed-User"), ("Framed-Protocol", "PPP"), ("NAS-Port-Type", "Virtual")),
    "dhcp": (("NAS-Port-Type", "Ethernet"),),
    "wireless": (("Called-Station-Id", "02-0A-00-00-00-01:rumah"),),
    "dot1x": (("EAP-Message", "0x02"),),
    "other": (("Service-Type", "Login-User"),),
}


@dataclass
class Clock:
    """Stands for the module `time`: wall clock and monotonic clock, set by the test."""

    wall: float = 1_700_000_000.0
    steady: float = 1_000.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@dataclass
class Database:
    """Rows by key; `is_up` False means no answer. `while_reading` runs in the middle of a read."""

    rows: dict[Key, tuple[AccessProfile, tuple[LiveSession, ...]]] = field(default_factory=dict)
    open_sessions: dict[int, dict[str, str | None]] = field(default_factory=dict)
    recent_devices: dict[int, list[str]] = field(default_factory=dict)
    is_up: bool = True
    reads: list[str] = field(default_factory=list)
    while_reading: Callable[[], None] | None = None

    def read(self, name: str, *values: str) -> bytes | None:
        self.reads.append(name)
        if not self.is_up:
            raise UnableToRead("no connection")
        if name == "open_sessions":
            answer: bytes | None = json.dumps(list(self.open_sessions.get(int(values[0]), {}).items())).encode()
        elif name == "recent_devices":
            answer = json.dumps(self.recent_devices.get(int(values[0]), [])).encode()
        else:
            key = (int(values[0]), values[1])
            answer = repr(key).encode() if key in self.rows else None
        interruption, self.while_reading = self.while_reading, None
        if interruption is not None:
            interruption()
        return answer


@dataclass
class Desk:
    """An Authorizer at work. `records` holds what it decided, `complaints` what it logged."""

    max_stale_s: float = 86_400.0
    database: Database = field(default_factory=Database)
    clock: Clock = field(default_factory=Clock)
    records: list[Record] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    blocked_macs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.store = ProfileStore(capacity=100)
        self.trust()
        routers = RouterTable()
        routers.by_number = {"7": replace(ROUTER, blocked_macs=self.blocked_macs)}
        self.authorizer = Authorizer(
            codes=CODES,
            store=self.store,
            routers=routers,
            reader=self.database,  # type: ignore[arg-type]
            records=self,  # type: ignore[arg-type]
            open_password=bytes.decode,
            catch_up=lambda: None,
            complain=self.complaints.append,
            max_stale_s=self.max_stale_s,
            boot_id="b" * 12,
        )

    def trust(self, seconds: float = 1e9) -> None:
        """The listener hears the database."""
        self.store.trusted_until = self.clock.steady + seconds

    def add(self, record: Record) -> None:
        """Take an access record, in the place of the buffer."""
        self.records.append(record)

    def refuse(self, decision_id: str, reason: str) -> None:
        """Take back an accept, in the place of the buffer."""
        self.refused[decision_id] = reason

    def keep(self, profile: AccessProfile, *sessions: LiveSession) -> Key:
        """Store a subscription in the database."""
        key = (profile.tenant_id, profile.username)
        self.database.rows[key] = (profile, sessions)
        return key

    def ask(self, request: Request) -> Answer:
        """One login; everything it looks at is this desk's."""
        with (
            mock.patch.object(authorizer_module, "time", self.clock),
            mock.patch.object(authorizer_module, "parse_profile", self._parse),
        ):
            return self.authorizer.authorize(request)

    def login(
        self, username: str = "budi", *, service: str = "pppoe", mac: str | None = None, extra: Request = ()
    ) -> Answer:
        """A login over a service from a device."""
        return self.ask(request_of(username, service=service, mac=mac, extra=extra))

    def wrong_password(self, answer: Answer, request: Request) -> None:
        """FreeRADIUS finds the password of an accepted login wrong."""
        with mock.patch.object(authorizer_module, "time", self.clock):
            self.authorizer.refuse_password(dict(answer[1])["Class"], request)

    def entry(self, key: Key) -> Entry:
        """What memory holds for a name."""
        return self.store.entries[key]

    def _parse(self, text: bytes) -> tuple[AccessProfile, tuple[LiveSession, ...]]:
        tenant_id, _, username = text.decode()[1:-1].partition(", ")
        return self.database.rows[int(tenant_id), username[1:-1]]


def request_of(username: str, *, service: str, mac: str | None, extra: Request = ()) -> Request:
    """The request list as FreeRADIUS hands it over."""
    device = () if mac is None else (("Calling-Station-Id", mac),)
    return (("User-Name", username), *SERVICE_ATTRIBUTES[service], *device, ("Tmp-String-1", "7"), *extra)


def a_session(unique_id: str, subscription_id: int, mac: str | None) -> LiveSession:
    """A running session."""
    return LiveSession(
        acctuniqueid=unique_id,
        acctsessionid="81000001",
        subscription_id=subscription_id,
        nas_server_id=7,
        username="budi",
        mac=mac,
        framed_ip="100.64.0.2",
    )
