"""The rows of a router's tables, as far as we use them. A value that the router left out is empty, zero or None.

Each field names the router's own word; these words are also all that a `print` asks for, because the others cost the
router work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeVar

from routeros import values

RowT = TypeVar("RowT")


def _is(word: str, read: Callable[[str], Any] = values.text, *, secret: bool = False) -> Any:
    return field(metadata={"word": word, "read": read}, repr=not secret)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """`/system/resource`: what the machine is and how it does."""

    uptime_s: int | None = _is("uptime", values.seconds)
    version: str = _is("version")
    cpu_load_percent: int = _is("cpu-load", values.percent)
    free_memory_bytes: int = _is("free-memory", values.count)
    total_memory_bytes: int = _is("total-memory", values.count)
    free_disk_bytes: int = _is("free-hdd-space", values.count)
    total_disk_bytes: int = _is("total-hdd-space", values.count)
    architecture: str = _is("architecture-name")
    board_name: str = _is("board-name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """`/interface`: received and sent as the router sees it."""

    id: str = _is(".id")
    name: str = _is("name")
    type: str = _is("type")
    mac: str = _is("mac-address")
    comment: str = _is("comment")
    is_running: bool = _is("running", values.flag)
    is_disabled: bool = _is("disabled", values.flag)
    rx_bytes: int = _is("rx-byte", values.count)
    tx_bytes: int = _is("tx-byte", values.count)
    rx_packets: int = _is("rx-packet", values.count)
    tx_packets: int = _is("tx-packet", values.count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """`/interface/monitor-traffic`: what flows through an interface now."""

    name: str = _is("name")
    rx_bps: int = _is("rx-bits-per-second", values.count)
    tx_bps: int = _is("tx-bits-per-second", values.count)
    rx_packets_per_s: int = _is("rx-packets-per-second", values.count)
    tx_packets_per_s: int = _is("tx-packets-per-second", values.count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bandwidth:
    """`/tool/bandwidth-test`: how far it came, and the average so far of what was sent and received."""

    status: str = _is("status")
    tx_bps: int = _is("tx-total-average", values.count)
    rx_bps: int = _is("rx-total-average", values.count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """What one customer receives and sends now, and where the router shows it: his `interface` or his `queue`."""

    download_bps: int
    upload_bps: int
    shown_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PppActive:
    """`/ppp/active`: one running PPP session."""

    id: str = _is(".id")
    name: str = _is("name")
    service: str = _is("service")
    caller_id: str = _is("caller-id")
    address: str = _is("address")
    uptime_s: int | None = _is("uptime", values.seconds)
    session_id: str = _is("session-id")
    is_radius: bool = _is("radius", values.flag)


@dataclass(frozen=True, kw_only=True, slots=True)
class PppSecret:
    """`/ppp/secret`: a customer whom the router knows by itself. `password` is empty unless it was asked for."""

    id: str = _is(".id")
    name: str = _is("name")
    service: str = _is("service")
    profile: str = _is("profile")
    local_address: str = _is("local-address")
    remote_address: str = _is("remote-address")
    comment: str = _is("comment")
    is_disabled: bool = _is("disabled", values.flag)
    last_caller_id: str = _is("last-caller-id")
    password: str = _is("password", secret=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class PppProfile:
    """`/ppp/profile`: what a secret of that profile gets. `rate_limit` has upload first."""

    id: str = _is(".id")
    name: str = _is("name")
    local_address: str = _is("local-address")
    remote_address: str = _is("remote-address")
    rate_limit: str = _is("rate-limit")
    only_one: str = _is("only-one")
    comment: str = _is("comment")


@dataclass(frozen=True, kw_only=True, slots=True)
class HotspotActive:
    """`/ip/hotspot/active`: who is logged in; `upload_bytes` is what the router calls bytes-in."""

    id: str = _is(".id")
    user: str = _is("user")
    address: str = _is("address")
    mac: str = _is("mac-address")
    login_by: str = _is("login-by")
    uptime_s: int | None = _is("uptime", values.seconds)
    # The router leaves these out where there is no limit; whether every version shows the second is not documented.
    time_left_s: int | None = _is("session-time-left", values.seconds)
    limit_total_bytes: int | None = _is("limit-bytes-total", values.count_if_said)
    upload_bytes: int = _is("bytes-in", values.count)
    download_bytes: int = _is("bytes-out", values.count)
    is_radius: bool = _is("radius", values.flag)


@dataclass(frozen=True, kw_only=True, slots=True)
class HotspotUser:
    """`/ip/hotspot/user`. `password` is empty unless it was asked for."""

    id: str = _is(".id")
    name: str = _is("name")
    server: str = _is("server")
    profile: str = _is("profile")
    address: str = _is("address")
    mac: str = _is("mac-address")
    comment: str = _is("comment")
    is_disabled: bool = _is("disabled", values.flag)
    is_dynamic: bool = _is("dynamic", values.flag)
    password: str = _is("password", secret=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class HotspotHost:
    """`/ip/hotspot/host`: every device that the hotspot sees, logged in or not."""

    id: str = _is(".id")
    mac: str = _is("mac-address")
    address: str = _is("address")
    to_address: str = _is("to-address")
    server: str = _is("server")
    is_authorized: bool = _is("authorized", values.flag)
    is_bypassed: bool = _is("bypassed", values.flag)
    uptime_s: int | None = _is("uptime", values.seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class IpBinding:
    """`/ip/hotspot/ip-binding`: a device that the hotspot treats by itself."""

    id: str = _is(".id")
    mac: str = _is("mac-address")
    address: str = _is("address")
    type: str = _is("type")
    comment: str = _is("comment")
    is_disabled: bool = _is("disabled", values.flag)


@dataclass(frozen=True, kw_only=True, slots=True)
class HotspotCookie:
    """`/ip/hotspot/cookie`: a device that is let in again without a login."""

    id: str = _is(".id")
    user: str = _is("user")
    mac: str = _is("mac-address")
    expires_in_s: int | None = _is("expires-in", values.seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpLease:
    """`/ip/dhcp-server/lease`; a lease that is not dynamic ties an address to a device."""

    id: str = _is(".id")
    address: str = _is("address")
    mac: str = _is("mac-address")
    host_name: str = _is("host-name")
    server: str = _is("server")
    status: str = _is("status")
    comment: str = _is("comment")
    rate_limit: str = _is("rate-limit")
    expires_after_s: int | None = _is("expires-after", values.seconds)
    is_dynamic: bool = _is("dynamic", values.flag)
    is_radius: bool = _is("radius", values.flag)
    is_disabled: bool = _is("disabled", values.flag)


@dataclass(frozen=True, kw_only=True, slots=True)
class SimpleQueue:
    """`/queue/simple`; pairs are upload/download, from the customer's side. Dynamic ones are the router's own."""

    id: str = _is(".id")
    name: str = _is("name")
    target: str = _is("target")
    max_limit: str = _is("max-limit")
    limit_at: str = _is("limit-at")
    burst_limit: str = _is("burst-limit")
    burst_threshold: str = _is("burst-threshold")
    burst_time: str = _is("burst-time")
    priority: str = _is("priority")
    comment: str = _is("comment")
    is_dynamic: bool = _is("dynamic", values.flag)
    is_disabled: bool = _is("disabled", values.flag)

    @property
    def max_limit_bps(self) -> tuple[int, int] | None:
        """Upload and download in bits per second, 0 for no limit; None when it cannot be read."""
        return values.rate_pair_bps(self.max_limit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """`/ip/pool`."""

    id: str = _is(".id")
    name: str = _is("name")
    ranges: str = _is("ranges")
    next_pool: str = _is("next-pool")
    comment: str = _is("comment")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEntry:
    """`/ip/firewall/address-list`: an address in a list; dynamic ones go by themselves."""

    id: str = _is(".id")
    list: str = _is("list")
    address: str = _is("address")
    comment: str = _is("comment")
    timeout_s: int | None = _is("timeout", values.seconds)
    is_dynamic: bool = _is("dynamic", values.flag)
    is_disabled: bool = _is("disabled", values.flag)


def row_of(kind: type[RowT], words: Mapping[str, str]) -> RowT:
    """A row from what the router said; words that nobody asked for are passed over."""
    return kind(**{name: read(words.get(word, "")) for name, word, read in _columns(kind)})


def words_of(kind: type[Any], *, without: str = "") -> str:
    """The router's words for all fields, with commas, as `.proplist` takes them."""
    return ",".join(word for name, word, _ in _columns(kind) if name != without)


def _columns(kind: Any) -> tuple[tuple[str, str, Callable[[str], Any]], ...]:
    return _columns_of(kind)


@lru_cache(maxsize=64)
def _columns_of(kind: Any) -> tuple[tuple[str, str, Callable[[str], Any]], ...]:
    return tuple((column.name, column.metadata["word"], column.metadata["read"]) for column in fields(kind))
