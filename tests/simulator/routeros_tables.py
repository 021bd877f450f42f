"""The tables of a simulated router as its API shows them: rows of words, and what may be done with them.

Refuses in RouterOS's own sentences. Knows nothing of sockets.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Row = dict[str, str]
# What makes an entry one of a kind, by table; RouterOS refuses a second one.
KEYS: Mapping[str, tuple[str, ...]] = {
    "/ppp/secret": ("name", "service"),
    "/ppp/profile": ("name",),
    "/ip/hotspot/user": ("name", "server"),
    "/ip/hotspot/user/profile": ("name",),
    "/ip/hotspot/ip-binding": (),
    "/ip/hotspot/cookie": (),
    "/ip/hotspot/active": (),
    "/ip/hotspot/host": (),
    "/ip/dhcp-server/lease": (),
    "/ip/pool": ("name",),
    "/ip/address": (),
    "/ip/firewall/address-list": ("list", "address"),
    "/queue/simple": ("name",),
    "/ppp/active": (),
    "/interface": ("name",),
}
SINGLE = ("/system/identity", "/system/resource")
# What an entry has when nobody said otherwise.
DEFAULTS: Mapping[str, Row] = {
    "/ppp/secret": {"service": "any", "profile": "default", "disabled": "false"},
    "/ip/hotspot/user": {"profile": "default", "disabled": "false"},
    "/queue/simple": {"max-limit": "0/0", "limit-at": "0/0", "priority": "8/8", "disabled": "false"},
    "/ip/firewall/address-list": {"disabled": "false", "dynamic": "false"},
}
READ_ONLY = ("/ppp/active", "/ip/hotspot/active", "/ip/hotspot/host", "/ip/hotspot/cookie")
BOOLEANS = {"yes": "true", "no": "false"}
UNIT_BPS = {"k": 1000, "M": 1_000_000, "G": 1_000_000_000}
RATES = ("max-limit", "limit-at", "burst-limit", "burst-threshold")
NO_ITEM = "no such item"


class Trap(Exception):
    """The router's refusal; category 0 to 7 as RouterOS numbers them."""

    def __init__(self, message: str, category: int | None = None) -> None:
        super().__init__(message)
        self.category = category


@dataclass
class TestServer:
    """The bandwidth test server at a customer's end, and what passes to it and from it."""

    account: tuple[str, str] = ("", "")
    to_customer_bps: int = 19_800_000
    from_customer_bps: int = 9_700_000
    ends_with: str = "done testing"


@dataclass
class Tables:
    """All tables of one router. Every method may be called from several threads."""

    identity: str = "MikroTik"
    rows: dict[str, list[Row]] = field(default_factory=dict)
    # The router's account may read passwords.
    shows_passwords: bool = True
    traffic: dict[str, Row] = field(default_factory=dict)
    bandwidth: TestServer = field(default_factory=TestServer)
    ping: Row = field(default_factory=lambda: {"time": "2ms", "packet-loss": "0", "avg-rtt": "1ms523us"})
    resource: Row = field(
        default_factory=lambda: {
            "uptime": "1w2d03:04:05",
            "version": "7.19.4 (stable)",
            "cpu-load": "7",
            "free-memory": "201326592",
            "total-memory": "268435456",
            "free-hdd-space": "100663296",
            "total-hdd-space": "134217728",
            "architecture-name": "arm64",
            "board-name": "CCR2004-1G-12S+2XS",
        }
    )

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        for name in ("ether1", "ether2"):
            self.put("/interface", {"name": name, "type": "ether", "running": "true", "disabled": "false"})
        self.put("/ppp/profile", {"name": "default"})
        self.put("/ip/hotspot/user/profile", {"name": "default"})

    def put(self, menu: str, row: Mapping[str, str]) -> str:
        """Add a row without asking whether it may be there; returns its id."""
        with self._lock:
            return self._put(menu, dict(row))

    def of(self, menu: str) -> list[Row]:
        """Copies of a table's rows."""
        with self._lock:
            return [dict(row) for row in self.rows.get(menu, [])]

    def named(self, menu: str, name: str) -> Row | None:
        """The first row of that name."""
        return next((row for row in self.of(menu) if row.get("name") == name), None)

    def do(self, command: str, words: Mapping[str, str], queries: Iterable[str]) -> list[Row]:
        """One command; returns the rows of its answer, for `add` the `ret` row. Raises `Trap`."""
        menu, _, verb = command.rpartition("/")
        with self._lock:
            if menu in SINGLE and verb == "print":
                return [{"name": self.identity}] if menu.endswith("identity") else [dict(self.resource)]
            if command == "/interface/monitor-traffic":
                return [self._traffic(words)]
            if command == "/tool/bandwidth-test":
                return self._measured(words)
            if command == "/ping":
                return [{"seq": str(number), "host": words["address"], **self.ping} for number in range(2)]
            if menu not in KEYS:
                raise Trap("no such command prefix", 0)
            return self._verb(menu, verb, words, list(queries))

    def _verb(self, menu: str, verb: str, words: Mapping[str, str], queries: list[str]) -> list[Row]:
        if verb in ("print", "getall"):
            return [self._shown(menu, row, words) for row in self.rows.get(menu, []) if _fits(row, queries)]
        if verb == "add" and menu not in READ_ONLY:
            return [{"ret": self._add(menu, words)}]
        if verb not in ("set", "unset", "remove", "enable", "disable", "make-static"):
            raise Trap("no such command", 0)
        for row in self._chosen(menu, words):
            self._change(menu, verb, row, words)
        return []

    def _change(self, menu: str, verb: str, row: Row, words: Mapping[str, str]) -> None:
        if verb == "remove":
            self.rows[menu].remove(row)
            return
        if row.get("dynamic") == "true" and verb != "make-static":
            raise Trap("can not change dynamic item")
        if verb == "set":
            new = _normal({name: value for name, value in words.items() if name != ".id"})
            self._check_profile(menu, row | new)
            self._check_free(menu, row | new, but=row)
            row |= new
        elif verb == "unset":
            row.pop(words["value-name"], None)
        elif verb == "make-static":
            row["dynamic"] = "false"
        else:
            row["disabled"] = "true" if verb == "disable" else "false"

    def _add(self, menu: str, words: Mapping[str, str]) -> str:
        row = {**DEFAULTS.get(menu, {}), **_normal(words)}
        if "name" in KEYS[menu] and not row.get("name"):
            raise Trap("failure: name can't be empty" if "name" in words else "missing =name=")
        self._check_profile(menu, row)
        self._check_free(menu, row, but=None)
        return self._put(menu, row)

    def _put(self, menu: str, row: Row) -> str:
        row[".id"] = f"*{next(self._numbers):X}"
        self.rows.setdefault(menu, []).append(row)
        return row[".id"]

    def _check_profile(self, menu: str, row: Row) -> None:
        profiles = {"/ppp/secret": "/ppp/profile", "/ip/hotspot/user": "/ip/hotspot/user/profile"}.get(menu)
        if profiles and row.get("profile") not in [known["name"] for known in self.rows[profiles]]:
            raise Trap("input does not match any value of profile")

    def _check_free(self, menu: str, row: Row, *, but: Row | None) -> None:
        keys = KEYS[menu]
        for other in self.rows.get(menu, []):
            if keys and other is not but and all(other.get(key, "") == row.get(key, "") for key in keys):
                raise Trap(_taken(menu))

    def _chosen(self, menu: str, words: Mapping[str, str]) -> list[Row]:
        wanted = words.get(".id", "").split(",")
        chosen = [row for row in self.rows.get(menu, []) if {row[".id"], row.get("name", "")} & set(wanted)]
        if not chosen:
            raise Trap(NO_ITEM, 0)
        return chosen

    def _shown(self, menu: str, row: Row, words: Mapping[str, str]) -> Row:
        hidden = () if self.shows_passwords else ("password",)
        asked = words.get(".proplist")
        names = row.keys() if asked is None else [name for name in asked.split(",") if name in row]
        return {name: row[name] for name in names if name not in hidden}

    def _traffic(self, words: Mapping[str, str]) -> Row:
        name = words.get("interface", "")
        if name not in [row["name"] for row in self.rows["/interface"]]:
            raise Trap("input does not match any value of interface")
        flowing = {"rx-bits-per-second": "12000000", "tx-bits-per-second": "48000000"}
        return {"name": name, **flowing, **self.traffic.get(name, {})}

    def _measured(self, words: Mapping[str, str]) -> list[Row]:
        test = self.bandwidth
        if (words.get("user", ""), words.get("password", "")) != test.account:
            return [{"status": "authentication failed"}]
        way = "tx" if words["direction"] == "transmit" else "rx"
        total = test.to_customer_bps if way == "tx" else test.from_customer_bps
        ramp = [{"status": "connecting"}, {"status": "running", f"{way}-total-average": str(total // 2)}]
        return [*ramp, {"status": test.ends_with, f"{way}-total-average": str(total)}]


def _taken(menu: str) -> str:
    if menu == "/ppp/secret":
        return "failure: secret with the same name already exists"
    if menu == "/ip/hotspot/user":
        return "failure: already have user with this name for this server"
    return "failure: already have such entry"


def _normal(words: Mapping[str, str]) -> Row:
    """Values as RouterOS keeps them: it says true where yes was typed, and counts bits."""
    row = {name: BOOLEANS.get(value, value) if name == "disabled" else value for name, value in words.items()}
    return {name: _bits(value) if name in RATES else value for name, value in row.items()}


def _bits(pair: str) -> str:
    sides = [side for side in pair.split("/") if side]
    counted = [str(round(float(side[:-1]) * UNIT_BPS[side[-1]])) if side[-1:] in UNIT_BPS else side for side in sides]
    return "/".join(counted * (2 if len(counted) == 1 else 1))


def _fits(row: Mapping[str, str], queries: list[str]) -> bool:
    """The query words of the API: a stack of conditions, all of which must hold in the end."""
    stack: list[bool] = []
    for query in queries:
        word = query.removeprefix("?")
        if word.startswith("#"):
            _operate(stack, word[1:])
        elif word.startswith("-"):
            stack.append(word[1:] not in row)
        else:
            name, sign, value = word.removeprefix("=").partition("=")
            stack.append(row.get(name, "") == value if sign else name in row)
    return all(stack)


def _operate(stack: list[bool], signs: str) -> None:
    for sign in signs:
        if sign == "!":
            stack.append(not stack.pop())
        else:
            one, other = stack.pop(), stack.pop()
            stack.append(one and other if sign == "&" else one or other)
