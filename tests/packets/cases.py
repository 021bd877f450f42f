"""Reads the packet cases: each says what is stored, what the router asks, and what must come back.

A case is run for every service and password method it names, once on the policy alone and once through FreeRADIUS.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"
SERVICES = ("pppoe", "hotspot")
METHODS = ("pap", "chap", "mschapv2")
PASSWORD = "pw-of-the-case"
_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One behaviour. `accept` holds the reply's attributes; `reject` the reason staff read."""

    id: str
    username: str
    service: str
    method: str
    customer: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    subscription: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    tiers: list[dict[str, Any]] = field(default_factory=list)
    fup: dict[str, Any] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    beyond: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    accept: dict[str, Any] | None = None
    reject: str | None = None
    reason: str = "accepted"

    @property
    def asks_as(self) -> str:
        """The User-Name of the request: the subscription's, unless the case asks as somebody else."""
        other = self.request.get("username")
        if other == "UPPER":
            return self.username.upper()
        return f"{other}-{self.username}" if other else self.username

    @property
    def password(self) -> str:
        """The password of the request."""
        return str(self.request.get("password", PASSWORD))

    @property
    def mac(self) -> str:
        """The device of the request."""
        return str(self.request.get("mac", "02:00:00:00:00:01"))

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
                yield Case(
                    id=f"{path.stem}: {name} ({service}, {method})",
                    username=f"case{next(_numbers)}",
                    service=service,
                    method=method,
                    **values,
                )


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
