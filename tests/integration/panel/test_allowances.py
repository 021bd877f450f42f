"""Hours, allowances, top-ups and families in the panel: what is typed is saved, shown again, and acted on."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import plans
from db.models import AllowanceQuota, Family, QuotaTopup, ServicePlan, UsageDaily

PLAN = {
    "seen": "1", "name": "Malam", "connection_type": "pppoe", "download_kbps": "10M", "upload_kbps": "5M", "price": "0",
    "setup_fee": "0", "billing_cycle": "monthly", "validity_days": "30", "priority": "8", "interim_interval_s": "5",
    "concurrent_connections": "1", "grace_period_days": "7", "session_limit_action": "refuse", "garden_mode": "tenant",
}  # fmt: skip
LISTS = {
    "time_windows-0-weekdays": ["fri", "sat"],
    "time_windows-0-start": "22:00",
    "time_windows-0-end": "06:00",
    "time_windows-0-download_kbps": "50M",
    "time_windows-0-upload_kbps": "20M",
    "quotas-0-kind": "data",
    "quotas-0-limit_bytes": "100",
    "quotas-0-limit_s": "7",
    "quotas-0-period": "monthly",
    "quotas-0-counts": "total",
    "quotas-0-action": "throttle",
    "quotas-0-throttle_download_kbps": "1M",
    "quotas-0-throttle_upload_kbps": "512k",
    "quotas-1-kind": "time",
    "quotas-1-limit_s": "2,5",
    "quotas-1-period": "daily",
    "quotas-1-counts": "total",
    "quotas-1-action": "reject",
}


def test_a_plans_hours_and_allowances_are_saved_and_shown_again(owner: FlaskClient, db: Session) -> None:
    answer = owner.post("/plans/new", data=PLAN | LISTS)

    assert answer.status_code == 303, answer.text
    plan = db.scalars(select(ServicePlan).where(ServicePlan.name == "Malam")).one()
    lists = plans.lists_of(plan)
    assert lists["time_windows"] == [
        {"weekdays": ["fri", "sat"], "start": "22:00", "end": "06:00", "download_kbps": 50_000, "upload_kbps": 20_000}
    ]
    assert [(one["kind"], one.get("limit_bytes"), one.get("limit_s"), one["action"]) for one in lists["quotas"]] == [
        ("data", 100 * 10**9, None, "throttle"),
        ("time", None, 9000, "reject"),
    ]
    shown = owner.get(f"/plans/{plan.id}").text
    for value in ('value="22:00"', 'value="06:00"', 'value="50M"', 'value="100"', 'value="2.5"', 'value="512k"'):
        assert value in shown
    assert shown.count(" checked ") >= 2
    assert owner.post(f"/plans/{plan.id}/save", data=PLAN | LISTS | {"tell": "now"}).status_code == 303
    db.expire_all()
    assert plans.lists_of(db.get_one(ServicePlan, plan.id)) == lists


def test_rows_are_added_and_taken_away_without_losing_what_was_typed(owner: FlaskClient) -> None:
    more = owner.post("/plans/new", data=PLAN | LISTS | {"add_quotas": "1"})
    less = owner.post("/plans/new", data=PLAN | LISTS | {"remove_quotas": "0"})
    closed = owner.post("/plans/new", data=PLAN | LISTS | {"remove_time_windows": "0"})

    assert (more.status_code, less.status_code, closed.status_code) == (200, 200, 200)
    assert 'name="quotas-2-kind"' in more.text
    assert 'value="22:00"' in more.text
    assert 'name="quotas-1-kind"' not in less.text
    assert 'value="2.5"' in less.text
    assert "time_windows-0-start" not in closed.text


def test_what_is_wrong_stands_beside_its_field(owner: FlaskClient) -> None:
    answer = owner.post(
        "/plans/new", data=PLAN | LISTS | {"time_windows-0-weekdays": [], "quotas-0-throttle_upload_kbps": ""}
    )

    assert answer.status_code == 422
    assert 'id="time_windows-0-weekdays-error"' in answer.text
    assert 'id="quotas-0-throttle_upload_kbps-error"' in answer.text


def test_a_customers_page_shows_what_is_left_and_tops_it_up(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    service = seeded.service
    today = datetime.now(ZoneInfo("Asia/Jakarta")).date()
    db.query(UsageDaily).filter_by(subscription_id=service.id).delete()
    row = {"subscription_id": service.id, "nas_server_id": seeded.routers[0].id, "day": today}
    db.add(UsageDaily(**row, download_bytes=3 * 10**9))
    db.commit()
    page = f"/customers/{seeded.budi.id}?subscription={service.id}"

    quota = {name: value for name, value in LISTS.items() if name.startswith("quotas-0")}
    own = owner.post(
        f"/subscriptions/{service.id}/allowances",
        data={"seen": "1"} | quota | {"quotas-0-limit_bytes": "2", "quotas-0-period": "total"},
    )
    assert own.status_code == 303
    assert "used up" in owner.get(page).text
    added = owner.post(
        f"/subscriptions/{service.id}/topup", data={"kind": "data", "amount_bytes": "5", "note": "Lebaran"}
    )
    assert added.status_code == 303
    shown = owner.get(page).text
    assert "Lebaran" in shown
    assert "used up" not in shown
    assert 'value="2"' in owner.get(f"/subscriptions/{service.id}/allowances").text
    topup = db.scalars(select(QuotaTopup)).one()
    assert owner.post(f"/subscriptions/{service.id}/topups/{topup.id}/remove").status_code == 303
    assert "used up" in owner.get(page).text
    assert owner.post(f"/subscriptions/{service.id}/topup", data={"kind": "data"}).status_code == 422


def test_a_family_from_its_founding_to_its_end(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    assert "No families yet" in owner.get("/families").text
    quota = {name: value for name, value in LISTS.items() if name.startswith("quotas-0")}

    made = owner.post("/families/new", data={"seen": "1", "name": "Santoso"} | quota)
    family = db.scalars(select(Family)).one()
    path = f"/families/{family.id}"
    assert made.headers["Location"] == path
    assert owner.post(f"{path}/members", data={"member": seeded.service.username}).status_code == 303
    assert owner.post(f"{path}/members", data={"member": "nobody"}).status_code == 303
    assert seeded.service.username in owner.get(path).text
    assert "with the family" in owner.get(f"/customers/{seeded.budi.id}?subscription={seeded.service.id}").text
    saved = owner.post(f"{path}/save", data={"seen": "1", "name": "Besar"} | quota | {"quotas-0-limit_bytes": "9"})
    assert saved.status_code == 303
    db.expire_all()
    assert db.scalars(select(AllowanceQuota)).one().limit_amount == 9 * 10**9
    assert "Besar" in owner.get("/families").text
    assert owner.post(f"{path}/members/{seeded.service.id}/remove").status_code == 303
    assert owner.post(f"{path}/delete").status_code == 303
    assert "No families yet" in owner.get("/families").text
