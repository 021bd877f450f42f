"""One router for the length of one conversation: its tables, read into rows, and its entries, made as wanted.

Everything that writes reads first and can be repeated: whoever was cut off in the middle asks again and finds what is
done already.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from routeros import rows, values
from routeros.errors import Refused
from routeros.wanted import HotspotUserWanted, ListEntryWanted, QueueWanted, SecretWanted, differences
from routeros.wire import Wire

RowT = TypeVar("RowT")
SECRETS, HOTSPOT_USERS, QUEUES, LIST = "/ppp/secret", "/ip/hotspot/user", "/queue/simple", "/ip/firewall/address-list"
LEASES, BINDINGS, COOKIES = "/ip/dhcp-server/lease", "/ip/hotspot/ip-binding", "/ip/hotspot/cookie"
# What a write did: nothing was there, something else was there, or all was as wanted.
ADDED, CHANGED, EQUAL = "added", "changed", "equal"
# Words that RouterOS does not take empty: they are unset instead.
_UNSET = frozenset({"local-address", "remote-address", "address", "mac-address"})


class Wanted(Protocol):
    """An entry as it should be."""

    def words(self) -> dict[str, str | None]:
        """The router's words."""


class Router:
    """The methods that ask. All together they have until `until`, a moment of the monotonic clock."""

    def __init__(self, wire: Wire, *, until: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire = wire
        self._until = until
        self._clock = clock

    def allow(self, deadline_s: float) -> None:
        """A new deadline for what comes next, for jobs with many entries."""
        self._until = self._clock() + deadline_s

    # --- what it is -----------------------------------------------------------------------------------------------

    def identity(self) -> str:
        """Its name, as it calls itself."""
        found = self._talk("/system/identity/print")
        return found[0].get("name", "") if found else ""

    def resource(self) -> rows.Resource:
        """Uptime, version, load, memory and disk."""
        found = self._talk("/system/resource/print")
        return rows.row_of(rows.Resource, found[0] if found else {})

    def interfaces(self) -> list[rows.Interface]:
        """All interfaces with their counters."""
        return self._print(rows.Interface, "/interface")

    def traffic(self, interface: str = "ether1") -> rows.Traffic:
        """What flows through one interface now. `Refused` when there is no such interface."""
        found = self._talk("/interface/monitor-traffic", {"interface": interface, "once": ""})
        return rows.row_of(rows.Traffic, found[0] if found else {"name": interface})

    def flow_of(self, address: str) -> rows.Flow | None:
        """What flows to and from a customer's address now; None when the router shows him by himself nowhere.

        A PPP session has an interface of its own, whose network is the customer's address; others have a queue at most.
        """
        found = self._talk("/ip/address/print", {".proplist": "interface,dynamic"}, (f"?network={address}",))
        for row in found:
            if values.flag(row.get("dynamic", "")) and "interface" in row:
                flow = self.traffic(row["interface"])
                return rows.Flow(download_bps=flow.tx_bps, upload_bps=flow.rx_bps, shown_by="interface")
        for row in self._talk(f"{QUEUES}/print", {".proplist": "rate,disabled"}, (f"?target={address}/32",)):
            pair = values.rate_pair_bps(row.get("rate", ""))
            if pair is not None and not values.flag(row.get("disabled", "")):
                return rows.Flow(download_bps=pair[1], upload_bps=pair[0], shown_by="queue")
        return None

    def send_to(self, address: str, **test: str) -> rows.Bandwidth:
        """Send to the test server at an address as fast as it goes: what arrives there, in `tx_bps`.

        `duration` with its unit, `user`, `password` and `protocol` as RouterOS takes them.
        """
        return self._measure(address, "transmit", test)

    def receive_from(self, address: str, **test: str) -> rows.Bandwidth:
        """The other way round, in `rx_bps`."""
        return self._measure(address, "receive", test)

    def _measure(self, address: str, direction: str, test: Mapping[str, str]) -> rows.Bandwidth:
        words = {"address": address, "direction": direction, **test}
        found = self._talk("/tool/bandwidth-test", words)
        # The row of each second has the average until then; only the last one is the result.
        return rows.row_of(rows.Bandwidth, found[-1] if found else {})

    def round_trip_ms(self, address: str, *, count: int) -> float | None:
        """How long a packet takes there and back on average; None when none came back."""
        found = self._talk("/ping", {"address": address, "count": str(count)})
        return values.milliseconds(found[-1].get("avg-rtt", "")) if found else None

    def ppp_profiles(self) -> list[rows.PppProfile]:
        """PPP profiles."""
        return self._print(rows.PppProfile, "/ppp/profile")

    def hotspot_profiles(self) -> list[str]:
        """The names of the profiles of hotspot users."""
        found = self._talk("/ip/hotspot/user/profile/print", {".proplist": "name"})
        return [row["name"] for row in found if "name" in row]

    def pools(self) -> list[rows.Pool]:
        """Address pools."""
        return self._print(rows.Pool, "/ip/pool")

    # --- who is there ---------------------------------------------------------------------------------------------

    def ppp_active(self, *, name: str | None = None) -> list[rows.PppActive]:
        """Running PPP sessions, of one name or of all."""
        return self._print(rows.PppActive, "/ppp/active", {"name": name})

    def end_ppp(self, session_id: str) -> bool:
        """End a PPP session by its `.id`; false when it was over already."""
        return self._remove("/ppp/active", session_id)

    def hotspot_active(self, *, user: str | None = None) -> list[rows.HotspotActive]:
        """Who is logged in at the hotspot."""
        return self._print(rows.HotspotActive, "/ip/hotspot/active", {"user": user})

    def end_hotspot(self, session_id: str) -> bool:
        """Log somebody out by `.id`; his cookie, if any, lets him in again. False when he was gone."""
        return self._remove("/ip/hotspot/active", session_id)

    def hotspot_hosts(self) -> list[rows.HotspotHost]:
        """Every device that the hotspot sees."""
        return self._print(rows.HotspotHost, "/ip/hotspot/host")

    def hotspot_cookies(self, *, mac: str | None = None, user: str | None = None) -> list[rows.HotspotCookie]:
        """Devices that are let in without a login."""
        return self._print(rows.HotspotCookie, COOKIES, {"mac-address": mac, "user": user})

    def ip_bindings(self, *, mac: str | None = None) -> list[rows.IpBinding]:
        """Devices that the hotspot treats by themselves."""
        return self._print(rows.IpBinding, BINDINGS, {"mac-address": mac})

    def dhcp_leases(self, *, mac: str | None = None, address: str | None = None) -> list[rows.DhcpLease]:
        """Leases, all or those of a device or an address."""
        return self._print(rows.DhcpLease, LEASES, {"mac-address": mac, "address": address})

    def remove_dhcp_lease(self, lease_id: str) -> bool:
        """Take a lease away; the device asks again. False when it was gone."""
        return self._remove(LEASES, lease_id)

    def make_lease_static(self, lease_id: str) -> None:
        """Tie the address to the device; to let go again, remove the lease."""
        self._talk(f"{LEASES}/make-static", {".id": lease_id})

    def forget_device(self, mac: str) -> dict[str, int]:
        """Take away what ties a device: hotspot cookies, bindings and leases. Says how many of each were removed.

        Bindings that block, and leases that block, are a decision of the router's owner and stay.
        """
        cookies = [row.id for row in self.hotspot_cookies(mac=mac)]
        bindings = [row.id for row in self.ip_bindings(mac=mac) if row.type != "blocked"]
        leases = [row.id for row in self.dhcp_leases(mac=mac)]
        return {
            "cookies": sum(self._remove(COOKIES, one) for one in cookies),
            "bindings": sum(self._remove(BINDINGS, one) for one in bindings),
            "leases": sum(self._remove(LEASES, one) for one in leases),
        }

    # --- secrets --------------------------------------------------------------------------------------------------

    def ppp_secrets(self, *, name: str | None = None, with_passwords: bool = False) -> list[rows.PppSecret]:
        """Secrets; passwords only when asked for and only when the router's account may see them."""
        without = "" if with_passwords else "password"
        return self._print(rows.PppSecret, SECRETS, {"name": name}, without=without)

    def put_ppp_secret(self, wanted: SecretWanted) -> str:
        """Have the secret as wanted; returns `added`, `changed` or `equal`."""
        return self._put(SECRETS, wanted, name=wanted.name)

    def add_ppp_secret(self, wanted: SecretWanted) -> str:
        """Add a secret and return its `.id`; `Refused` (`is_duplicate`) when there is one of that name."""
        return self._add(SECRETS, wanted.words())

    def set_ppp_secret_state(self, name: str, *, is_disabled: bool) -> bool:
        """Switch a secret off or on; false when there is none of that name."""
        return self._set_state(SECRETS, name, is_disabled=is_disabled)

    def remove_ppp_secret(self, name: str) -> bool:
        """Remove a secret; false when there was none."""
        return self._remove_named(SECRETS, name)

    def hotspot_users(self, *, name: str | None = None, with_passwords: bool = False) -> list[rows.HotspotUser]:
        """Hotspot users of the router's own."""
        without = "" if with_passwords else "password"
        return self._print(rows.HotspotUser, HOTSPOT_USERS, {"name": name}, without=without)

    def put_hotspot_user(self, wanted: HotspotUserWanted) -> str:
        """Have the user as wanted; returns `added`, `changed` or `equal`."""
        return self._put(HOTSPOT_USERS, wanted, name=wanted.name)

    def set_hotspot_user_state(self, name: str, *, is_disabled: bool) -> bool:
        """Switch a user off or on; false when there is none of that name."""
        return self._set_state(HOTSPOT_USERS, name, is_disabled=is_disabled)

    def remove_hotspot_user(self, name: str) -> bool:
        """Remove a user and the cookies that would let him in; false when there was none."""
        for cookie in self.hotspot_cookies(user=name):
            self._remove(COOKIES, cookie.id)
        return self._remove_named(HOTSPOT_USERS, name)

    # --- queues and lists -----------------------------------------------------------------------------------------

    def queues(self, *, name: str | None = None, target: str | None = None) -> list[rows.SimpleQueue]:
        """Simple queues, all or those of a name or target; `<pppoe-NAME>` is the router's own for a session, and shows
        the rate in force.
        """
        return self._print(rows.SimpleQueue, QUEUES, {"name": name, "target": target})

    def put_queue(self, wanted: QueueWanted) -> str:
        """Have the queue as wanted; returns `added`, `changed` or `equal`."""
        return self._put(QUEUES, wanted, name=wanted.name)

    def remove_queue(self, name: str) -> bool:
        """Remove a queue of ours by name; dynamic ones are the router's and stay. False when there was none."""
        found = [row.id for row in self.queues(name=name) if not row.is_dynamic]
        return self._remove_all(QUEUES, found)

    def list_entries(self, *, list: str | None = None, address: str | None = None) -> list[rows.ListEntry]:  # noqa: A002
        """Entries of address lists."""
        return self._print(rows.ListEntry, LIST, {"list": list, "address": address})

    def put_list_entry(self, wanted: ListEntryWanted) -> str:
        """Have the address in the list; returns `added`, `changed` or `equal`.

        What is left of a time cannot be compared: an entry with a time counts as equal while it is there.
        """
        words = wanted.words()
        found = self._found(LIST, list=wanted.list, address=wanted.address)
        if found:
            words.pop("timeout")
        return self._write(LIST, words, found, list=wanted.list, address=wanted.address)

    def remove_list_entry(self, list: str, address: str) -> bool:  # noqa: A002 - the router's word
        """Take the address out of the list; false when it was not in it."""
        return self._remove_all(LIST, [row[".id"] for row in self._found(LIST, list=list, address=address)])

    # --- how ------------------------------------------------------------------------------------------------------

    def _talk(
        self, command: str, words: Mapping[str, str] | None = None, queries: tuple[str, ...] = ()
    ) -> list[dict[str, str]]:
        return self._wire.talk(command, words, queries=queries, until=self._until)

    def _print(
        self, kind: type[RowT], menu: str, equal: Mapping[str, str | None] | None = None, *, without: str = ""
    ) -> list[RowT]:
        asked = {".proplist": rows.words_of(kind, without=without)}
        return [rows.row_of(kind, row) for row in self._talk(f"{menu}/print", asked, _queries(equal or {}))]

    def _found(self, menu: str, **equal: str | None) -> list[dict[str, str]]:
        """The entries with these words, without the router's own."""
        found = self._talk(f"{menu}/print", None, _queries(equal))
        return [row for row in found if ".id" in row and not values.flag(row.get("dynamic", ""))]

    def _put(self, menu: str, wanted: Wanted, **key: str) -> str:
        return self._write(menu, wanted.words(), self._found(menu, **key), **key)

    def _write(self, menu: str, words: dict[str, str | None], found: list[dict[str, str]], **key: str) -> str:
        if not found:
            if self._is_added(menu, words):
                return ADDED
            # Somebody was quicker, or an answer of ours was lost on its way.
            found = self._found(menu, **key)
        changed = [self._set(menu, row, words) for row in found]
        return CHANGED if any(changed) else EQUAL

    def _is_added(self, menu: str, words: Mapping[str, str | None]) -> bool:
        try:
            self._add(menu, words)
        except Refused as refusal:
            if refusal.is_duplicate:
                return False
            raise
        return True

    def _add(self, menu: str, words: Mapping[str, str | None]) -> str:
        said = {word: value for word, value in words.items() if value}
        found = self._talk(f"{menu}/add", said)
        return found[0].get("ret", "") if found else ""

    def _set(self, menu: str, row: Mapping[str, str], words: Mapping[str, str | None]) -> bool:
        differing = differences(words, row)
        emptied = [word for word, value in differing.items() if value == "" and word in _UNSET]
        for word in emptied:
            self._talk(f"{menu}/unset", {".id": row[".id"], "value-name": word})
        said = {word: value for word, value in differing.items() if word not in emptied}
        if said:
            self._talk(f"{menu}/set", {".id": row[".id"]} | said)
        return bool(differing)

    def _set_state(self, menu: str, name: str, *, is_disabled: bool) -> bool:
        found = self._found(menu, name=name)
        for row in found:
            self._set(menu, row, {"disabled": values.yes(is_disabled)})
        return bool(found)

    def _remove(self, menu: str, row_id: str) -> bool:
        try:
            self._talk(f"{menu}/remove", {".id": row_id})
        except Refused as refusal:
            if refusal.is_missing:
                return False
            raise
        return True

    def _remove_named(self, menu: str, name: str) -> bool:
        return self._remove_all(menu, [row[".id"] for row in self._found(menu, name=name)])

    def _remove_all(self, menu: str, ids: Sequence[str]) -> bool:
        removed = [self._remove(menu, row_id) for row_id in ids]
        return any(removed)


def _queries(equal: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"?{word}={value}" for word, value in equal.items() if value is not None)
