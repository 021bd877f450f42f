"""The routers this server answers, in memory, by source address and by number."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from db.crypto import Keyring, UnableToDecrypt
from db.queries.routers import BlockedMac, RouterRow
from radius.policies.types import ANYWHERE, Place

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Router:
    """A router as a login needs it."""

    nas_server_id: int
    tenant_id: int
    name: str
    secret: str
    require_message_authenticator: bool
    place: Place = ANYWHERE
    service_map: Mapping[str, str] = field(default_factory=dict)
    # Whether its logins carry Message-Authenticator, as far as is known.
    signs_requests: bool | None = None
    # The provider's blacklist, one set shared by all its routers.
    blocked_macs: frozenset[str] = NOBODY


class RouterTable:
    """Replaced as a whole when any router changes: a thousand rows take milliseconds."""

    def __init__(self) -> None:
        self.by_address: dict[str, Router] = {}
        self.by_number: dict[str, Router] = {}
        # Providers for whom upper and lower case of a username are one.
        self.folding: frozenset[int] = frozenset()
        # Serials of revoked certificates, in hexadecimal without leading zeros.
        self.revoked: frozenset[str] = frozenset()

    def heard(self, payload: str) -> None:
        """Take `nas names 5 true` at once: the next notice may say that names were folded. Others bring a reload."""
        if payload.startswith("nas names "):
            _, _, tenant_id, folds = payload.split(" ")
            one = {int(tenant_id)}
            self.folding = self.folding | one if folds == "true" else self.folding - one

    def replace(self, rows: list[RouterRow], keyring: Keyring, blocked: Iterable[BlockedMac] = ()) -> list[str]:
        """Take the active routers and the blacklists as they are now.

        Returns the names of routers whose secret cannot be read. One such router is not served; all the others are.
        """
        routers: dict[str, Router] = {}
        blacklists = _by_tenant(blocked)
        unreadable: list[str] = []
        for row in rows:
            try:
                routers[row.address] = _router(row, keyring, blacklists.get(row.tenant_id, NOBODY))
            except UnableToDecrypt:
                unreadable.append(row.name)
        self.by_number = {str(router.nas_server_id): router for router in routers.values()}
        self.by_address = routers
        return unreadable


def _by_tenant(blocked: Iterable[BlockedMac]) -> dict[int, frozenset[str]]:
    grouped: dict[int, set[str]] = defaultdict(set)
    for tenant_id, mac in blocked:
        grouped[tenant_id].add(mac)
    return {tenant_id: frozenset(macs) for tenant_id, macs in grouped.items()}


def _router(row: RouterRow, keyring: Keyring, blocked_macs: frozenset[str]) -> Router:
    return Router(
        nas_server_id=row.nas_server_id,
        tenant_id=row.tenant_id,
        name=row.name,
        secret=keyring.decrypt(row.secret_token),
        require_message_authenticator=row.require_message_authenticator,
        place=Place(nas_server_id=row.nas_server_id, nas_group_id=row.nas_group_id, vendor=row.vendor),
        service_map=row.service_map,
        signs_requests=row.signs_requests,
        blocked_macs=blocked_macs,
    )


def client_pairs(address: str, router: Router) -> tuple[tuple[str, str], ...]:
    """What FreeRADIUS needs to make a client of a router; its short name is the router's number."""
    is_v6 = ":" in address
    return (
        ("FreeRADIUS-Client-IPv6-Address" if is_v6 else "FreeRADIUS-Client-IP-Address", address),
        ("FreeRADIUS-Client-Secret", router.secret),
        ("FreeRADIUS-Client-Shortname", str(router.nas_server_id)),
        ("FreeRADIUS-Client-NAS-Type", "other"),
        ("FreeRADIUS-Client-Require-MA", "yes" if router.require_message_authenticator else "no"),
    )
