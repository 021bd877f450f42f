"""The questions that can be asked of a router, each with a name, and its answer as plain values.

Nothing in an answer is a secret: passwords are never asked for here.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from routeros import Router

Rows = list[dict[str, Any]]


def _overview(router: Router) -> Rows:
    return [{"identity": router.identity(), **asdict(router.resource())}]


def _rows(ask: Callable[[Router], list[Any]]) -> Callable[[Router], Rows]:
    return lambda router: [_shown(row) for row in ask(router)]


def _shown(row: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name != "password"}


PARTS: Mapping[str, Callable[[Router], Rows]] = MappingProxyType(
    {
        "overview": _overview,
        "interfaces": _rows(Router.interfaces),
        "ppp-active": _rows(Router.ppp_active),
        "hotspot-active": _rows(Router.hotspot_active),
        "ppp-secrets": _rows(Router.ppp_secrets),
        "hotspot-users": _rows(Router.hotspot_users),
        "profiles": _rows(Router.ppp_profiles),
        "leases": _rows(Router.dhcp_leases),
        "hosts": _rows(Router.hotspot_hosts),
        "bindings": _rows(Router.ip_bindings),
        "cookies": _rows(Router.hotspot_cookies),
        "queues": _rows(Router.queues),
        "pools": _rows(Router.pools),
        "address-lists": _rows(Router.list_entries),
    }
)
