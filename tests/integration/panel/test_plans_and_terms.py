"""All of a plan and of a subscription in the panel: found, offered, and taken back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import Invoice, InvoiceItem, PlanChange, ServicePlan, Subscription

PLAN = {
    "name": "Office 30", "connection_type": "pppoe", "price": "400.000", "setup_fee": "50.000",
    "billing_cycle": "monthly", "validity_days": "30", "download_kbps": "30M", "upload_kbps": "30M", "priority": "8",
    "concurrent_connections": "1", "session_limit_action": "refuse", "garden_mode": "tenant",
    "grace_period_days": "7", "interim_interval_s": "5", "tell": "now", "seen": "1", "contract_period_months": "12",
    "customer_types": ["business"], "is_popular": "y", "features": "static_ip\nsupport: 24 hours",
}  # fmt: skip


def ending(db: Session, seeded: Seeded) -> Subscription:
    row = db.get_one(Subscription, seeded.service.id)
    row.status, row.expires_at = "active", datetime.now(UTC) + timedelta(days=5)
    row.activated_at = datetime.now(UTC) - timedelta(days=3)
    db.commit()
    return row


def test_all_of_a_plan_is_written_shown_and_copied(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    made = owner.post("/plans/new", data=PLAN)
    assert made.status_code == 303, made.text
    plan = db.scalars(select(ServicePlan).where(ServicePlan.slug == "office-30")).one()
    assert (plan.is_popular, plan.contract_period_months, plan.customer_types) == (True, 12, ["business"])
    assert plan.features == {"static_ip": True, "support": "24 hours"}

    page = owner.get(f"/plans/{plan.id}").text
    assert "support: 24 hours" in page
    copy = owner.get(f"/plans/new?like={plan.id}").text
    assert 'value="Office 30 (copy)"' in copy
    assert 'value="30M"' in copy
    assert "static_ip" in copy
    wrong = owner.post("/plans/new", data=PLAN | {"features": "Bad Name", "name": "Other"})
    assert wrong.status_code == 422
    assert 'id="features-error"' in wrong.text


def test_the_list_of_plans_is_narrowed(owner: FlaskClient, seeded: Seeded) -> None:
    owner.post("/plans/new", data=PLAN)

    assert "Home 20" not in owner.get("/plans?state=popular").text
    assert "Office 30" not in owner.get("/plans?for=residential").text
    found = owner.get("/plans?q=office").text
    assert ("Office 30" in found, "Home 20" in found) == (True, False)
    assert "No plan fits" in owner.get("/plans?q=nothing").text


def test_a_subscription_begins_with_its_first_bill(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    form = {
        "service_plan_id": str(seeded.plans[0].id), "connection_type": "", "nas_binding": "off",
        "username": "second", "activate": "y", "bill_now": "y",
        "installation_fee": "75.000", "installation_date": "2026-11-20", "installation_address": "Jalan Melati 5",
    }  # fmt: skip
    added = owner.post(f"/customers/{seeded.budi.id}/subscriptions/new", data=form)

    assert added.status_code == 200, added.text
    row = db.scalars(select(Subscription).where(Subscription.username == "second")).one()
    invoice = db.scalars(select(Invoice).where(Invoice.subscription_id == row.id)).one()
    assert invoice.total == 325_000
    shown = owner.get(f"/customers/{seeded.budi.id}?subscription={row.id}").text
    assert "Jalan Melati 5" in shown
    assert "billed on" in shown

    edited = owner.get(f"/subscriptions/{row.id}/edit").text
    assert 'name="installation_fee"' in edited
    late = owner.post(f"/subscriptions/{row.id}/edit", data={
        "username": "second", "nas_binding": "off", "price": "250.000", "billing_day": "1", "auto_renew": "y",
        "billing_cycle": "monthly", "setup_fee": "0", "installation_fee": "80.000"})  # fmt: skip
    assert late.status_code == 422
    assert 'id="installation_fee-error"' in late.text


def test_a_change_of_plan_that_waits_is_shown_and_withdrawn(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = ending(db, seeded)
    other = next(plan for plan in seeded.plans[:3] if plan.id != row.service_plan_id)
    asked = owner.post(
        f"/subscriptions/{row.id}/plan", data={"service_plan_id": str(other.id), "effective": "next_period"}
    )
    assert asked.status_code == 303, asked.text

    page = owner.get(f"/customers/{seeded.budi.id}?subscription={row.id}").text
    assert f"{other.name} begins on" in page
    assert "Changes of plan" in page

    assert owner.post(f"/subscriptions/{row.id}/plan/withdraw").status_code == 303
    db.expire_all()
    assert db.scalars(select(PlanChange.status)).all() == ["cancelled"]
    assert "begins on" not in owner.get(f"/customers/{seeded.budi.id}?subscription={row.id}").text


def test_a_customer_leaves_with_the_term_and_stays_after_all(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = ending(db, seeded)
    db.get_one(ServicePlan, row.service_plan_id).contract_period_months = 12
    db.commit()
    asked = owner.get(f"/subscriptions/{row.id}/cancel").text
    assert "The contract runs until" in asked
    assert owner.post(f"/subscriptions/{row.id}/cancel", data={"when": "end", "reason": "moves"}).status_code == 303

    page = owner.get(f"/customers/{seeded.budi.id}?subscription={row.id}").text
    assert "The customer leaves: this ends on" in page
    owner.post(f"/subscriptions/{row.id}/keep")
    db.expire_all()
    assert db.get_one(Subscription, row.id).auto_renew is True

    owner.post(f"/subscriptions/{row.id}/cancel", data={"when": "now"})
    db.expire_all()
    assert db.get_one(Subscription, row.id).status == "cancelled"


def test_what_is_suspended_until_it_is_paid_says_so(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = ending(db, seeded)
    done = owner.post(f"/subscriptions/{row.id}/suspend", data={"reason": "overdue", "until_paid": "y"})
    assert done.status_code == 303

    db.expire_all()
    assert db.get_one(Subscription, row.id).suspend_cause == "overdue"
    assert "comes back when it is paid" in owner.get(f"/customers/{seeded.budi.id}?subscription={row.id}").text


def test_a_first_activation_may_be_billed_at_once(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = db.get_one(Subscription, seeded.service.id)
    row.status, row.expires_at, row.price = "pending", None, 175_000
    db.commit()
    assert 'name="bill_now"' in owner.get(f"/subscriptions/{row.id}/activate").text

    assert owner.post(f"/subscriptions/{row.id}/activate", data={"bill_now": "y"}).status_code == 303

    assert db.scalars(select(Invoice.total).where(Invoice.subscription_id == row.id)).all() == [175_000]


def test_subscriptions_are_found_by_what_they_are_and_when_they_end(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    row = ending(db, seeded)
    row.expires_at = datetime.now(UTC) + timedelta(days=2)
    row.username = "budi-ends-soon"
    db.commit()

    def found(query: str) -> bool:
        answer = owner.get(f"/subscriptions?{query}")
        assert answer.status_code == 200
        return "budi-ends-soon" in answer.text

    assert found("")
    assert found("ending=3")
    assert not found("ending=1")
    assert found(f"plan={row.service_plan_id}&state=active&type={row.connection_type}&q=budi-ends")
    assert not found("state=terminated")
    assert "No subscription fits" in owner.get("/subscriptions?q=nobody-at-all").text
    assert found("state=nonsense&type=nonsense&sort=nonsense&plan=x&ending=99")


def test_one_that_is_over_is_taken_off_the_lists(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = ending(db, seeded)
    page = f"/customers/{seeded.budi.id}?subscription={row.id}"
    assert "Take off the lists" not in owner.get(page).text
    owner.post(f"/subscriptions/{row.id}/terminate", data={"reason": "moved"})
    assert "Take off the lists" in owner.get(page).text

    assert owner.post(f"/subscriptions/{row.id}/delete").status_code == 303

    assert owner.get(f"/subscriptions/{row.id}/delete").status_code == 404


def test_the_usual_four_plans_are_offered_to_who_has_none(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    for plan in db.scalars(select(ServicePlan)):
        plan.deleted_at = datetime.now(UTC)
    db.commit()
    assert "Add the usual four" in owner.get("/plans").text

    assert owner.post("/plans/starters").status_code == 303

    assert "100 Mbps" in owner.get("/plans").text


def bound(db: Session, seeded: Seeded) -> Subscription:
    row = ending(db, seeded)
    plan = db.get_one(ServicePlan, row.service_plan_id)
    plan.contract_period_months, plan.early_end_fee = 12, Decimal(300000)
    db.commit()
    return row


def test_leaving_early_is_warned_about_and_billed_where_the_box_says_so(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    row = bound(db, seeded)
    for address in (f"/subscriptions/{row.id}/cancel", f"/subscriptions/{row.id}/terminate",
                    f"/customers/{seeded.budi.id}/terminate"):  # fmt: skip
        asked = owner.get(address).text
        assert "leaving earlier costs Rp 300,000" in asked
        assert 'name="charge_fee"' in asked

    owner.post(f"/subscriptions/{row.id}/cancel", data={"when": "end", "charge_fee": "y"})
    fee = select(Invoice).join(InvoiceItem).where(InvoiceItem.item_type == "penalty")
    assert db.scalars(fee).one().status == "unpaid"
    owner.post(f"/subscriptions/{row.id}/keep")
    db.expire_all()
    assert db.scalars(fee).one().status == "cancelled"

    owner.post(f"/subscriptions/{row.id}/terminate", data={"reason": ""})
    assert len(db.scalars(fee).all()) == 1


def test_no_fee_no_box(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = ending(db, seeded)

    assert "charge_fee" not in owner.get(f"/subscriptions/{row.id}/cancel").text


def test_further_fields_are_kept_shown_and_left_alone(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    row = ending(db, seeded)
    row.details = {"vlans": [10, 20], "pole": "A-17"}
    db.commit()
    page = owner.get(f"/subscriptions/{row.id}/edit").text
    assert "vlans: [10, 20]" in page
    data = {"username": row.username, "nas_binding": "off", "billing_cycle": "monthly", "auto_renew": "y", "price": "0",
            "billing_day": "1"}  # fmt: skip

    assert owner.post(f"/subscriptions/{row.id}/edit", data=data).status_code == 303
    db.expire_all()
    assert db.get_one(Subscription, row.id).details == {"vlans": [10, 20], "pole": "A-17"}

    owner.post(f"/subscriptions/{row.id}/edit", data=data | {"details": "vlans: [10, 20]\nont: HWTC1"})
    db.expire_all()
    assert db.get_one(Subscription, row.id).details == {"vlans": [10, 20], "ont": "HWTC1"}
    assert "HWTC1" in owner.get(f"/customers/{seeded.budi.id}?subscription={row.id}").text
    assert owner.post(f"/subscriptions/{row.id}/edit", data=data | {"details": "nothing"}).status_code == 422
