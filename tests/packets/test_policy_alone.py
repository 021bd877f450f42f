"""Every packet case on the policy alone: no server, no database, the same Authorizer FreeRADIUS calls."""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.queries.access import parse_profile
from domain.access import AccessProfile
from packets.cases import GARDENS, JAKARTA, PASSWORD, Case, all_cases, as_sent, difference, window_row
from radius.authorizer import Answer, Authorizer, Codes
from radius.pairs import UnableToRender
from radius.policies.types import Place
from radius.records import AccessRecords
from radius.routers import Router, RouterTable
from radius.store import ProfileStore
from radius.without_password import ACCEPTED
from simulator import Login, Service
from simulator.attributes import RouterFacts, SessionFacts, access_request
from simulator.credentials import chap_response

CODES = Codes(accept=2, reject=0, handled=3)
PLACE = Place(nas_server_id=1, nas_group_id=1)
ROUTER = Router(
    nas_server_id=1, tenant_id=1, name="r", secret="s" * 20, require_message_authenticator=True, place=PLACE
)
PLACES = {"here": 1, "elsewhere": 2}
# What only some cases need, as the profile statement returns it; `beyond` of a case takes its place.
BEYOND = dict.fromkeys(
    (
        *("least_speed", "windows", "quotas", "topups", "days", "family_id", "family_days", "gardens", "nas_server_id"),
        *("nas_group_id", "voucher", "checks", "replies"),
    )
) | {"is_over_credit": False, "session_limit_action": "refuse", "nas_binding": "off"}
PLAN = {"download_kbps": 10_000, "upload_kbps": 5_000, "grace_period_days": 7, "priority": 8}


def profile_row(case: Case) -> dict[str, Any]:
    """The case as the profile statement would return it."""
    plan, subscription, limits = PLAN | case.plan, case.subscription, case.limits
    return {
        "tenant_id": 1,
        "subscription_id": case.number,
        "customer_id": 1,
        "plan_id": 1,
        "username": case.username,
        "password": subscription.get("service_password", PASSWORD),
        "connection_type": subscription.get("connection_type", "any"),
        "subscription_status": subscription.get("status", "active"),
        "customer_status": case.customer.get("status", "active"),
        "expires_at": _in(subscription.get("expires_in_s")),
        "grace_days": subscription.get("grace_period_days", plan["grace_period_days"]),
        "timezone": "Asia/Jakarta",
        "billing_day": 1,
        "speed": [plan["download_kbps"], plan["upload_kbps"]],
        "burst": _burst(plan),
        "priority": plan["priority"],
        "override": [limits["download_kbps"], limits["upload_kbps"]] if "download_kbps" in limits else None,
        "override_until": _in(limits.get("speed_expires_in_s")),
        "tiers": [_tier(number, tier) for number, tier in enumerate(case.tiers, start=1)],
        "fup_tier": case.fup.get("tier", 0),
        "fup_until": _in(case.fup.get("ends_in_s")),
        "mac_binding": subscription.get("mac_binding", "off"),
        "macs": case.macs,
        "session_limit": limits.get("concurrent_connections", plan.get("concurrent_connections", 1)),
        "session_timeout_s": limits.get("session_timeout_s", plan.get("session_timeout_s")),
        "idle_timeout_s": plan.get("idle_timeout_s"),
        "interim_interval_s": plan.get("interim_interval_s", 300),
        "assigned_ip": subscription.get("assigned_ip"),
        "ip_pool": subscription.get("ip_pool", plan.get("ip_pool")),
        "address_list": plan.get("address_list"),
        "version": 1,
        **BEYOND,
        "session_limit_action": plan.get("session_limit_action", "refuse"),
        "nas_binding": subscription.get("nas_binding", "off"),
        "nas_server_id": PLACES.get(case.place.get("router", "")),
        "nas_group_id": PLACES.get(case.place.get("group", "")),
        "windows": _windows(case),
        "quotas": [_quota(number, quota) for number, quota in enumerate(case.quotas)] or None,
        "topups": [_topup(topup) for topup in case.topups] or None,
        "days": _days(case.usage),
        "gardens": GARDENS if plan.get("garden_mode") == "tenant" else None,
        "is_over_credit": case.customer.get("balance", 0) < -case.customer.get("credit_limit", float("inf")),
        "voucher": _voucher(case.voucher) if case.voucher else None,
        "least_speed": [plan["min_download_kbps"], plan["min_upload_kbps"]] if "min_upload_kbps" in plan else None,
        "checks": case.checks,
        "replies": [*case.plan_replies, *case.replies],
        **case.beyond,
        "sessions": [[f"{n:032x}", f"{n}", 1, "u", s["mac"], "10.0.0.9"] for n, s in enumerate(case.sessions)],
    }


def _windows(case: Case) -> list[Any] | None:
    rows = [window_row(window, datetime.now(UTC)) for window in case.windows]
    columns = ("weekdays", "start_minute", "end_minute", "download_kbps", "upload_kbps")
    return [[row[column] for column in columns] for row in rows] or None


def _quota(number: int, quota: dict[str, Any]) -> list[Any]:
    slow = [quota.get("throttle_download_kbps"), quota.get("throttle_upload_kbps")]
    counts, action = quota.get("counts", "total"), quota.get("action", "reject")
    return [number, quota["kind"], quota["period"], counts, quota["limit_amount"], action, *slow, False]


def _topup(topup: dict[str, Any]) -> list[Any]:
    since, until = _in(topup.get("from_in_s", -60)), _in(topup.get("until_in_s"))
    return [topup.get("kind", "data"), topup["amount"], since, until]


def _days(usage: list[dict[str, Any]]) -> list[list[Any]]:
    today = datetime.now(JAKARTA).date()
    return [
        [
            (today - timedelta(days=day.get("days_ago", 0))).isoformat(),
            *(day.get(column, 0) for column in ("download_bytes", "upload_bytes", "seconds")),
        ]
        for day in usage
    ]


def _in(seconds: float | None) -> float | None:
    return None if seconds is None else time.time() + seconds


def _voucher(voucher: dict[str, Any]) -> list[Any]:
    ends = [_in(voucher.get("sell_until_in_s")), _in(voucher.get("valid_until_in_s"))]
    return [voucher.get("state", "unused"), voucher.get("validity_s"), voucher.get("binds_mac", False), *ends]


def _burst(plan: dict[str, Any]) -> list[int] | None:
    if not plan.get("burst_enabled"):
        return None
    return [
        plan["burst_download_kbps"],
        plan["burst_upload_kbps"],
        plan.get("burst_threshold_download_kbps", plan["download_kbps"]),
        plan.get("burst_threshold_upload_kbps", plan["upload_kbps"]),
        plan["burst_time_s"],
    ]


def _tier(number: int, tier: dict[str, Any]) -> list[Any]:
    speeds = [tier.get("reduced_download_kbps"), tier.get("reduced_upload_kbps"), tier.get("reduction_percent")]
    return [number, tier["threshold_bytes"], "total", "billing_cycle", *speeds]


@dataclass
class CaseReader:
    """Stands for the database of one case: who exists, and which sessions were heard of lately."""

    case: Case

    def read(self, name: str, *values: str) -> bytes | None:
        if name == "profile":
            return json.dumps(profile_row(self.case)).encode() if values[1] == self.case.username else None
        if name == "recent_devices":
            return json.dumps([session["mac"] for session in self.case.sessions]).encode()
        recent = [s for s in self.case.sessions if s["silent_s"] < float(values[1])]
        return json.dumps([[f"{n:032x}", s["mac"]] for n, s in enumerate(recent)]).encode()


class Desk:
    """The policy with one case in it, and the access records it makes."""

    def __init__(self, case: Case, folder: Path) -> None:
        store, routers = ProfileStore(capacity=10), RouterTable()
        routers.by_number = {"1": replace(ROUTER, blocked_macs=frozenset(case.blacklist))}
        store.trusted_until = time.monotonic() + 60
        self.case, self.folder = case, folder
        self.records = AccessRecords(folder, pytest.fail)
        self.authorizer = Authorizer(
            codes=CODES,
            store=store,
            routers=routers,
            reader=CaseReader(case),  # type: ignore[arg-type]
            records=self.records,
            open_password=bytes.decode,
            catch_up=lambda: None,
            complain=pytest.fail,
            max_stale_s=60,
            boot_id="b" * 12,
        )

    def login(self) -> Answer:
        """The answer, with the password checked as FreeRADIUS would from the control list."""
        request = request_of(self.case)
        try:
            code, reply, control = self.authorizer.authorize(request)
        except UnableToRender:
            return self.authorizer.policy_failed(request)
        fits = (ACCEPTED, (("Cleartext-Password", self.case.password),))
        if code == CODES.accept and control not in fits:
            self.authorizer.refuse_password(as_sent(reply)["Class"])
            return (CODES.reject, (), ())
        return (code, reply, control)

    def record(self) -> list[Any]:
        """The one access record of the login."""
        self.records.flush(float("inf"))
        lines = [json.loads(line) for path in self.folder.glob("access-*") for line in path.read_text().splitlines()]
        (record,) = [record for line in lines for record in line if isinstance(record, list)]
        return list(record)


def request_of(case: Case) -> tuple[tuple[str, str], ...]:
    """The request list as FreeRADIUS hands it to the policy."""
    login = Login(service=Service(case.service), username=case.asks_as, mac=case.mac)
    facts = SessionFacts(login=login, session_id="81000001", number=1, framed_ip="10.5.50.2")
    sent = access_request(facts, RouterFacts(identity="r", nas_ip="192.0.2.1"), [])
    return (*((name, str(value)) for name, value in sent), *_credentials(case), ("Tmp-String-1", "1"))


def _credentials(case: Case) -> tuple[tuple[str, str], ...]:
    """The password as FreeRADIUS shows it: PAP opened, octets in hexadecimal."""
    if case.method == "pap":
        return (("User-Password", case.password),)
    if case.method == "mschapv2":
        return (("MS-CHAP-Challenge", "0x00"), ("MS-CHAP2-Response", "0x00"))
    answer = chap_response(identifier=7, password=case.password.encode(), challenge=b"challenge")
    return (("CHAP-Challenge", "0x" + b"challenge".hex()), ("CHAP-Password", "0x" + answer.hex()))


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_the_policy_answers_the_case(case: Case, tmp_path: Path) -> None:
    desk = Desk(case, tmp_path)

    code, reply, control = desk.login()

    record = desk.record()
    assert record[7] == case.expected_reason
    assert record[6] == ("accept" if case.accept is not None else "reject")
    if case.accept is None:
        assert (code, reply, control) == (CODES.reject, (), ())
    else:
        sent = as_sent(reply)
        assert sent.pop("Class").startswith(f"lts1:{record[9]}:")
        assert difference(case.accept, sent) == ""


def test_the_profile_row_of_a_case_is_a_profile() -> None:
    profile, _ = parse_profile(json.dumps(profile_row(all_cases()[0])))

    assert isinstance(profile, AccessProfile)
    assert profile.cut_off_at is None or profile.cut_off_at > datetime.now(UTC) - timedelta(days=400)
