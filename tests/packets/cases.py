"""Reads the packet cases: each says what is stored, what the router asks, and what must come back.

A case is run for every service and password method it names, once on the policy alone and once through FreeRADIUS.
Its plan has no walled garden unless it says `garden_mode = "tenant"`: then the ones below are the provider's.
"""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from domain.windows import DAY_MINUTES

FOLDER = Path(__file__).parent / "cases"
SERVICES = ("pppoe", "hotspot")
METHODS = ("pap", "chap", "mschapv2")
PASSWORD = "pw-of-the-case"
# Address list, pool, download and upload in kbit/s, page, seconds; as the profile statement returns them.
GARDENS: dict[str, list[Any]] = {
    "subscription_suspended": ["isolir", None, 256, 128, "http://bayar.example/", 3600],
    "*": [None, "pool-isolir", 512, 512, None, 600],
}
JAKARTA = ZoneInfo("Asia/Jakarta")
_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One behaviour. `accept` holds the reply's attributes; `reject` the reason staff read.

    `place` is the router and the group the subscription names: "here" for those of the router that asks.
    """

    id: str
    number: int
    username: str
    service: str
    method: str
    customer: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    subscription: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    tiers: list[dict[str, Any]] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    quotas: list[dict[str, Any]] = field(default_factory=list)
    topups: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, Any]] = field(default_factory=list)
    fup: dict[str, Any] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    blacklist: list[str] = field(default_factory=list)
    place: dict[str, str] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    voucher: dict[str, Any] = field(default_factory=dict)
    plan_replies: list[list[str]] = field(default_factory=list)
    replies: list[list[str]] = field(default_factory=list)
    checks: list[list[str]] = field(default_factory=list)
    beyond: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    device: bool = False
    accept: dict[str, Any] | None = None
    reject: str | None = None
    reason: str = "accepted"

    @property
    def asks_as(self) -> str:
        """The User-Name of the request: the subscription's, unless the case asks as somebody else."""
        other = self.request.get("username")
        if other == "UPPER":
            return self.username.upper()
        spelled = self.request.get("spelled")
        if spelled is not None:
            return self.username.replace(":", {"dashes": "-", "plain": ""}[spelled]).lower()
        return f"{other}-{self.username}" if other else self.username

    @property
    def password(self) -> str:
        """The password of the request."""
        password = str(self.request.get("password", PASSWORD))
        return self.asks_as if password == "THE NAME" else password

    @property
    def mac(self) -> str:
        """The device of the request: each case has its own, so that no wrong password makes another case wait."""
        own = f"02:00:00:01:{self.number >> 8:02X}:{self.number & 255:02X}"
        return str(self.request.get("mac", self.username if self.device else own))

    @property
    def recorded_as(self) -> str:
        """The name in the access log: a device's MAC in one spelling."""
        return self.username if "spelled" in self.request else self.asks_as

    @property
    def expected_reason(self) -> str:
        """What the access log must say."""
        return self.reject or self.reason


def all_cases() -> list[Case]:
    """Every case for every service and method it is for; each has a username of its own."""
    return [case for path in sorted(FOLDER.glob("*.toml")) for case in _cases_in(path)]


def _cases_in(path: Path) -> Iterator[Case]:
    for values in tomllib.loads(path.read_text())["case"]:
        name = values.pop("name")
        services, methods = values.pop("services", SERVICES), values.pop("methods", METHODS)
        for service in services:
            for method in methods:
                number = next(_numbers)
                yield Case(
                    id=f"{path.stem}: {name} ({service}, {method})",
                    number=number,
                    username=f"02:CA:5E:00:{number >> 8:02X}:{number & 255:02X}"
                    if values.get("device")
                    else f"case{number}",
                    service=service,
                    method=method,
                    **values,
                )


def window_row(window: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A window of a case as its table holds it; times are minutes before and after now, of Jakarta's clock."""
    opens = now.astimezone(JAKARTA) - timedelta(minutes=window.get("opened_minutes_ago", 0))
    closes = now.astimezone(JAKARTA) + timedelta(minutes=window["closes_in_minutes"])
    speed = {side: window.get(side) for side in ("download_kbps", "upload_kbps")}
    minutes = {"start_minute": _minute(opens), "end_minute": _minute(closes) or DAY_MINUTES}
    return {"weekdays": 1 << opens.weekday(), **minutes, **speed}


def _minute(moment: datetime) -> int:
    nearest = moment + timedelta(seconds=30)
    return nearest.hour * 60 + nearest.minute


def as_sent(pairs: Iterable[tuple[object, ...]]) -> dict[str, Any]:
    """A reply by name: one value, or a list of them where a name comes more than once."""
    sent: dict[str, list[Any]] = {}
    for pair in pairs:
        sent.setdefault(str(pair[0]), []).append(pair[-1])
    return {name: values[0] if len(values) == 1 else values for name, values in sent.items()}


def matches(expected: object, actual: object) -> bool:
    """Whether a value is what the case says; `{about = N}` allows for the time all cases take."""
    if isinstance(expected, dict):
        return abs(int(str(actual)) - int(expected["about"])) <= 90
    return str(expected) == str(actual)


def difference(expected: dict[str, Any], actual: dict[str, Any]) -> str:
    """What differs between the expected reply and the actual one, or an empty string."""
    lines = [f"{name}: not sent" for name in expected if name not in actual]
    lines += [f"{name}: {value!r} not expected" for name, value in actual.items() if name not in expected]
    lines += [
        f"{name}: {actual[name]!r} instead of {value!r}"
        for name, value in expected.items()
        if name in actual and not matches(value, actual[name])
    ]
    return "; ".join(lines)
