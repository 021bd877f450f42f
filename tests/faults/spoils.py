"""Whose logins a spoiled policy fails at, and how. Read by the runner and inside FreeRADIUS, so it imports nothing."""

_NAME = "user%06d"

RAISING = frozenset(_NAME % number for number in range(2581, 2585))
SLOW = frozenset((_NAME % 2595,))
SLOW_S = 5.0
# What the policy grants instead, by the names of its own terms.
BAD: dict[str, dict[str, object]] = {
    _NAME % 2585: {"rate_limit": "10 mega"},
    _NAME % 2586: {"rate_limit": "5M/10M\nFramed-IP-Address=1.2.3.4"},
    _NAME % 2587: {"session_timeout_s": -5},
    _NAME % 2588: {"session_timeout_s": 2**40},
    _NAME % 2589: {"framed_ip": "not-an-ip"},
    _NAME % 2590: {"interim_interval_s": 4294967299},
    _NAME % 2596: {"pool": "x" * 254},
    _NAME % 2597: {"replies": (("Mikrotik-Nonsense", "=", "1"),)},
}
