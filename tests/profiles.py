"""Made-up access profiles for property tests: every field at its edges, every moment near `NOW`.

All values are ones that a router can be told; tests of what cannot be said bring their own.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from db.queries.zones import zone_named
from domain.access import (
    BLOCKED_CUSTOMERS,
    MAC_BINDINGS,
    NAS_BINDINGS,
    SESSION_LIMIT_ACTIONS,
    AccessProfile,
    AttributeItem,
)
from domain.fup import COUNTS, RESET_PERIODS, FupTier
from domain.garden import ANY_REASON, GARDEN_REASONS, Garden
from domain.lifecycle import SUBSCRIPTION_STATUSES
from domain.quota import QUOTA_ACTIONS, QUOTA_KINDS, QUOTA_PERIODS, DayUsage, Quota, TopUp
from domain.speed import MAX_KBPS, Burst, Speed
from domain.voucher import VOUCHER_STATES, VoucherTerms
from domain.windows import DAY_MINUTES, TimeWindow

JAKARTA = zone_named("Asia/Jakarta")
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
    zone=JAKARTA,
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

CONNECTION_TYPES = ("pppoe", "vpn", "hotspot", "dhcp", "wireless", "dot1x", "static", "any")

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


# The hours around NOW, which is 19:00 of a Sunday in Jakarta, come up most.
_minutes = st.one_of(st.sampled_from([0, 1, 1080, 1139, 1140, 1141, 1200, 1439]), st.integers(0, DAY_MINUTES - 1))
windows = st.builds(
    TimeWindow,
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    start_minute=_minutes,
    end_minute=_minutes.map(lambda minute: minute + 1),
    speed=st.one_of(st.none(), speeds),
)
# Allowances so small that some day's usage reaches them.
_amounts = st.one_of(st.integers(1, 2**62), st.sampled_from([1, 3600, 2**32 - 1, 2**32, 2**33, 10**10]))
days = st.builds(
    DayUsage,
    day=st.integers(-40, 3).map(lambda days: NOW.date() + timedelta(days=days)),
    download_bytes=st.one_of(st.just(0), _amounts),
    upload_bytes=st.one_of(st.just(0), _amounts),
    seconds=st.integers(0, 90_000),
)


gardens = st.dictionaries(
    st.sampled_from([*GARDEN_REASONS, ANY_REASON]),
    st.builds(
        Garden,
        address_list=st.one_of(st.none(), names),
        ip_pool=st.one_of(st.none(), names),
        speed=limited_speeds,
        redirect_url=st.none(),
        session_timeout_s=st.integers(60, 40_000),
    ),
    max_size=2,
)


@st.composite
def quotas(draw: st.DrawFn) -> Quota:
    """An allowance of any kind; one of time may be a moment or a year."""
    kind, action = draw(st.sampled_from(QUOTA_KINDS)), draw(st.sampled_from(QUOTA_ACTIONS))
    return Quota(
        quota_id=draw(st.integers(1, 99)),
        kind=kind,
        period=draw(st.sampled_from(QUOTA_PERIODS)),
        counts=draw(st.sampled_from(COUNTS)) if kind == "data" else "total",
        limit=draw(_amounts),
        action=action,
        throttle=draw(limited_speeds) if action == "throttle" else None,
        is_shared=draw(st.booleans()),
    )


@st.composite
def topups(draw: st.DrawFn) -> TopUp:
    """A top-up that is valid, was, or will be."""
    since = draw(moments)
    until = draw(st.one_of(st.none(), st.integers(1, 10**6).map(lambda seconds: since + timedelta(seconds=seconds))))
    return TopUp(kind=draw(st.sampled_from(QUOTA_KINDS)), amount=draw(_amounts), valid_from=since, valid_until=until)


vouchers = st.builds(
    VoucherTerms,
    state=st.sampled_from(VOUCHER_STATES),
    validity_s=st.one_of(st.none(), st.integers(1, 40_000_000)),
    binds_mac=st.booleans(),
    sell_until=st.one_of(st.none(), moments),
    valid_until=st.one_of(st.none(), moments),
)


# What operators write by hand, of which any selection is a whole reply.
replies = st.lists(
    st.sampled_from(
        [
            AttributeItem("Mikrotik-Rate-Limit", ":=", "1M/2M"),
            AttributeItem("Mikrotik-Rate-Limit", "=", "3M/4M"),
            AttributeItem("Session-Timeout", ":=", "7200"),
            AttributeItem("Session-Timeout", "=", "60"),
            AttributeItem("Mikrotik-Group", ":=", "gold"),
            AttributeItem("Port-Limit", "=", "3"),
            AttributeItem("Framed-Route", "+=", "10.9.0.0/24 0.0.0.0 1"),
            AttributeItem("Filter-Id", "+=", "gold.in"),
            AttributeItem("Mikrotik-Recv-Limit", ":=", str(5 * 2**32 + 1)),
            AttributeItem("Cisco-AVPair", "+=", "ip:sub-qos-policy-out=GOLD"),
        ]
    ),
    max_size=4,
).map(tuple)
checks = st.lists(
    st.builds(
        AttributeItem,
        st.sampled_from(["Calling-Station-Id", "NAS-Port-Type", "Service-Type", "Framed-Protocol", "Expiration"]),
        st.sampled_from(["==", "!=", "=~", "!~", ":=", ">"]),
        st.sampled_from([*DEVICES, DEVICES[0].lower(), "^02:00", "Ethernet", "Framed-User", "PPP", "", "(", "5"]),
    ),
    max_size=2,
).map(tuple)


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
        zone=JAKARTA,
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
        least_speed=draw(st.one_of(st.none(), limited_speeds)),
        replies=draw(st.one_of(st.just(()), replies)),
        checks=draw(st.one_of(st.just(()), checks)),
        windows=tuple(draw(st.one_of(st.just([]), st.lists(windows, max_size=3)))),
        quotas=tuple(draw(st.one_of(st.just([]), st.lists(quotas(), max_size=3)))),
        topups=tuple(draw(st.lists(topups(), max_size=2))),
        days=tuple(draw(st.lists(days, max_size=4))),
        gardens=draw(gardens),
        is_over_credit=draw(st.sampled_from([False, False, False, True])),
        voucher=draw(st.one_of(st.none(), st.none(), vouchers)),
        family_days=tuple(draw(st.lists(days, max_size=2))),
        session_limit_action=draw(st.sampled_from(SESSION_LIMIT_ACTIONS)),
        nas_binding=draw(st.one_of(st.just("off"), st.sampled_from(NAS_BINDINGS))),
        nas_server_id=draw(st.sampled_from([None, 7, 8])),
        nas_group_id=draw(st.sampled_from([None, 3, 4])),
    )
