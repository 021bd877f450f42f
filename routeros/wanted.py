"""What an entry on a router should be. Written by reading first, so that writing twice is as good as once.

An entry is known by its key (a secret by its name, a list entry by list and address). A field that is None is left to
the router as it is; an empty one is taken away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routeros import values


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretWanted:
    """A PPP secret. `password` None leaves the router's."""

    name: str
    password: str | None = field(default=None, repr=False)
    service: str = "pppoe"
    profile: str = "default"
    local_address: str | None = ""
    remote_address: str | None = ""
    comment: str | None = None
    is_disabled: bool = False

    def words(self) -> dict[str, str | None]:
        """The router's words."""
        return {
            "name": self.name,
            "password": self.password,
            "service": self.service,
            "profile": self.profile,
            "local-address": self.local_address,
            "remote-address": self.remote_address,
            "comment": self.comment,
            "disabled": values.yes(self.is_disabled),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class HotspotUserWanted:
    """A hotspot user. `mac` ties it to a device."""

    name: str
    password: str | None = field(default=None, repr=False)
    profile: str = "default"
    address: str | None = ""
    mac: str | None = ""
    comment: str | None = None
    is_disabled: bool = False

    def words(self) -> dict[str, str | None]:
        """The router's words."""
        return {
            "name": self.name,
            "password": self.password,
            "profile": self.profile,
            "address": self.address,
            "mac-address": self.mac,
            "comment": self.comment,
            "disabled": values.yes(self.is_disabled),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueWanted:
    """A simple queue; every pair is upload/download as RouterOS writes it, like `5M/10M`."""

    name: str
    target: str
    max_limit: str = "0/0"
    limit_at: str | None = None
    burst_limit: str | None = None
    burst_threshold: str | None = None
    burst_time: str | None = None
    priority: str | None = None
    comment: str | None = None
    is_disabled: bool = False

    def words(self) -> dict[str, str | None]:
        """The router's words."""
        return {
            "name": self.name,
            "target": self.target,
            "max-limit": self.max_limit,
            "limit-at": self.limit_at,
            "burst-limit": self.burst_limit,
            "burst-threshold": self.burst_threshold,
            "burst-time": self.burst_time,
            "priority": self.priority,
            "comment": self.comment,
            "disabled": values.yes(self.is_disabled),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEntryWanted:
    """An address in an address list, for `timeout_s` seconds or for good."""

    list: str
    address: str
    comment: str | None = None
    timeout_s: int | None = None

    def words(self) -> dict[str, str | None]:
        """The router's words."""
        timeout = None if self.timeout_s is None else f"{self.timeout_s}s"
        words = {"list": self.list, "address": self.address, "comment": self.comment, "timeout": timeout}
        return words | {"disabled": values.yes(False)}


def differences(wanted: Mapping[str, str | None], found: Mapping[str, str]) -> dict[str, str]:
    """The words in which an entry differs from what is wanted; what the router does not show counts as different.

    A password that the router keeps to itself is therefore always written.
    """
    return {
        word: value for word, value in wanted.items() if value is not None and not same(word, value, found.get(word))
    }


def same(word: str, wanted: str, found: str | None) -> bool:
    """Whether two spellings mean the same."""
    if found is None:
        return wanted == "" and word != "password"
    if wanted == found:
        return True
    return _READERS[word](wanted) == _READERS[word](found) if word in _READERS else False


def _hosts(value: str) -> tuple[str, ...]:
    # A single address comes back with the length of its network.
    return tuple(part.strip().removesuffix("/32").removesuffix("/128") for part in value.split(","))


def _priorities(value: str) -> tuple[str, str]:
    upload, slash, download = value.partition("/")
    return upload, download if slash else upload


def _times(value: str) -> tuple[int | None, int | None]:
    upload, slash, download = value.partition("/")
    return values.seconds(upload), values.seconds(download if slash else upload)


_READERS = {
    "disabled": values.flag,
    "max-limit": values.rate_pair_bps,
    "limit-at": values.rate_pair_bps,
    "burst-limit": values.rate_pair_bps,
    "burst-threshold": values.rate_pair_bps,
    "burst-time": _times,
    "priority": _priorities,
    "target": _hosts,
    "address": _hosts,
    "mac-address": str.upper,
}
