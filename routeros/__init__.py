"""ASKING A ROUTER. The one adapter around librouteros: typed rows, deadlines, kept connections, errors of its own.

    target = Target(host="192.0.2.10", username="lintas", password="…", is_tls=True, fingerprint="…")
    with routeros.open(target, deadline_s=5) as router:
        router.resource().uptime_s
        router.put_ppp_secret(wanted)

The deadline holds for the whole block, whatever the router does. Every failure is a `RouterApiError`. It knows routers
and nothing of customers, tables or settings.
"""

from routeros.errors import (
    Broken,
    Busy,
    CertificateChanged,
    CertificateUnknown,
    LoginRefused,
    Refused,
    Resting,
    RouterApiError,
    TimedOut,
    TooMuch,
    Unreachable,
)
from routeros.pool import Pool, open, pool  # noqa: A004 - `routeros.open(target)` reads as what it does
from routeros.router import Router
from routeros.target import Target, certificate_of

__all__ = [
    "Broken",
    "Busy",
    "CertificateChanged",
    "CertificateUnknown",
    "LoginRefused",
    "Pool",
    "Refused",
    "Resting",
    "Router",
    "RouterApiError",
    "Target",
    "TimedOut",
    "TooMuch",
    "Unreachable",
    "certificate_of",
    "open",
    "pool",
]
