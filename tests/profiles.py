"""Made-up access profiles for property tests: every field at its edges, every moment near `NOW`.

All values are ones that a router can be told; tests of what cannot be said bring their own.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from domain.access import BLOCKED_CUSTOMERS, MAC_BINDINGS, AccessProfile
from domain.fup import COUNTS, RESET_PERIODS, FupTier
from domain.lifecycle import SUBSCRIPTION_STATUSES
from domain.speed import MAX_KBPS, Burst, Speed

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DEVICES = ("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03")
# One subscription that may log in, to be varied with dataclasses.replace.
GOOD_STANDING = AccessProfile(
    tenant_id=1,
    subscription_id=5,
    customer_id=2,
    plan_id=3,
    username="budi",
    password_token=b"rahasia",
    connection_type="any",
    subscription_status="active",
    customer_status="active",
    expires_at=None,
    grace_days=0,
    timezone="Asia/Jakarta",
    billing_day=1,
    plan_speed=Speed(download_kbps=10_000, upload_kbps=5_000),
    burst=None,
    priority=8,
    override=None,
    override_until=None,
    tiers=(),
    fup_tier=0,
    fup_until=None,
    mac_binding="off",
    macs={},
    session_limit=1,
    session_timeout_s=None,
    idle_timeout_s=None,
    interim_interval_s=300,
    assigned_ip=None,
    ip_pool=None,
    address_list=None,
    version=1,
)

CONNECTION_TYPES = ("pppoe", "hotspot", "dhcp", "static", "any")

# Seconds around now at which something ends; whole microseconds, so that every time is exact.
_NEAR_S = st.sampled_from([-86_400.0, -60.0, -1.0, -0.000001, 0.0, 0.000001, 0.5, 1.0, 59.0, 60.0, 3600.0, 86_400.0])
_ANY_S = st.integers(-20 * 86_400_000_000, 20 * 86_400_000_000).map(lambda microseconds: microseconds / 1_000_000)

moments = st.one_of(_NEAR_S, _ANY_S).map(lambda seconds: NOW + timedelta(seconds=seconds))
_kbps = st.one_of(st.integers(1, MAX_KBPS), st.sampled_from([1, 64, 999, 1000, 1001, 10_000, MAX_KBPS]))
limited_speeds = st.builds(Speed, download_kbps=_kbps, upload_kbps=_kbps)
speeds = st.one_of(limited_speeds, st.sampled_from([Speed(download_kbps=0, upload_kbps=0)]))
priorities = st.integers(1, 8)
names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=60).filter(
    lambda text: len(text.encode()) <= 247
)
addresses = st.sampled_from(["10.0.0.1", "100.64.255.254", "192.0.2.7", "223.255.255.255", "1.0.0.0"])


@st.composite
def bursts(draw: st.DrawFn) -> Burst:
    """A burst of any size, also one below the plan's speed."""
    return Burst(speed=draw(speeds), threshold=draw(speeds), time_s=draw(st.integers(1, 600)))


@st.composite
def tiers(draw: st.DrawFn, number: int) -> FupTier:
    """A fair-use tier that lowers to a figure or by a percentage."""
    reduced = draw(st.one_of(st.none(), limited_speeds))
    return FupTier(
        tier=number,
        threshold_bytes=draw(st.integers(1, 2**62)),
        counts=draw(st.sampled_from(COUNTS)),
        reset_period=draw(st.sampled_from(RESET_PERIODS)),
        reduced=reduced,
        reduction_percent=draw(st.integers(1, 99)) if reduced is None else None,
    )


@st.composite
def profiles(draw: st.DrawFn) -> AccessProfile:
    """A subscription as the database could hold it; most are in good standing, so that most logins get far."""
    numbers = range(1, draw(st.integers(0, 3)) + 1)
    override = draw(st.one_of(st.none(), speeds))
    return AccessProfile(
        tenant_id=1,
        subscription_id=draw(st.integers(1, 2**63 - 1)),
        customer_id=2,
        plan_id=3,
        username="budi",
        password_token=b"rahasia",
        connection_type=draw(st.one_of(st.just("any"), st.sampled_from(CONNECTION_TYPES))),
        subscription_status=draw(st.one_of(st.just("active"), st.sampled_from(SUBSCRIPTION_STATUSES))),
        customer_status=draw(st.one_of(st.just("active"), st.sampled_from([*sorted(BLOCKED_CUSTOMERS), "prospect"]))),
        expires_at=draw(st.one_of(st.none(), moments)),
        grace_days=draw(st.sampled_from([0, 1, 7, 20])),
        timezone="Asia/Jakarta",
        billing_day=draw(st.integers(1, 31)),
        plan_speed=draw(speeds),
        burst=draw(st.one_of(st.none(), bursts())),
        priority=draw(priorities),
        override=override,
        override_until=draw(st.one_of(st.none(), moments)) if override is not None else None,
        tiers=tuple(draw(tiers(number)) for number in numbers),
        fup_tier=draw(st.integers(0, 4)),
        fup_until=draw(st.one_of(st.none(), moments)),
        mac_binding=draw(st.sampled_from(MAC_BINDINGS)),
        macs=draw(st.dictionaries(st.sampled_from(DEVICES), st.sampled_from(["approved", "pending", "blocked"]))),
        session_limit=draw(st.integers(1, 3)),
        session_timeout_s=draw(st.one_of(st.none(), st.integers(60, 40_000_000))),
        idle_timeout_s=draw(st.one_of(st.none(), st.integers(60, 21_474_720))),
        interim_interval_s=draw(st.integers(60, 3600)),
        assigned_ip=draw(st.one_of(st.none(), addresses)),
        ip_pool=draw(st.one_of(st.none(), names)),
        address_list=draw(st.one_of(st.none(), names)),
        version=1,
    )
