"""Every page opens, in both languages, and shows nothing of another provider."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.permissions import PERMISSIONS
from db.models import Customer, SessionChange, Subscription, User
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant, make_user
from panel_addresses import address_of
from webadmin.permissions import PUBLIC, need_of

_UNNAMED = re.compile(r"<[^>]*>")

LISTS = (
    "/",
    "/customers",
    "/customers?q=bud&status=active&online=yes&page=1",
    "/customers/new",
    "/families",
    "/families?q=san&page=1",
    "/families/new",
    "/plans",
    "/plans/new",
    "/routers",
    "/routers/new",
    "/router-groups",
    "/router-groups/new",
    "/blacklist",
    "/devices/waiting",
    "/vouchers",
    "/vouchers?state=unused&batch=nov&q=k7",
    "/vouchers/new",
    "/vouchers/batches",
    "/vouchers/batches?q=nov",
    "/settings/letterhead",
    "/blacklist?q=aabbcc",
    "/online",
    "/online?q=AA:BB:CC:DD:EE:FF",
    "/logins?span=week&result=reject&q=budi",
    "/changes",
    "/changes?kind=failed",
    "/changes/follow?ids=1-2-nonsense",
    "/search?q=budi",
    "/search?q=100.64.0.10",
    "/settings",
    "/settings/password",
    "/settings/server",
    "/settings/provider",
    "/certificates",
    "/certificates?q=budi&state=revoked",
    "/staff",
    "/staff/new",
    "/tokens",
    "/tokens/new",
)
QUESTIONS = (
    "suspend", "activate", "disconnect", "terminate", "plan", "password", "expiry", "speed", "address", "edit",
    "devices/reset",
    "attributes", "topup", "allowances",
)  # fmt: skip
TABS = ("service", "sessions", "changes", "attributes", "timeline")


def pages_of(rows: Seeded) -> list[str]:
    customer, service = f"/customers/{rows.budi.id}", f"/subscriptions/{rows.service.id}"
    own = [f"{customer}?tab={tab}" for tab in TABS] + [f"{service}/{question}" for question in QUESTIONS]
    return [
        *own,
        f"{customer}/edit",
        f"{customer}/suspend",
        f"{customer}/activate",
        f"{customer}/live",
        f"{customer}/subscriptions/new",
        f"{service}/plan/effect?service_plan_id={rows.plans[1].id}",
        f"{service}/explain?at=22:00&service=hotspot&mac=AA:BB:CC:DD:EE:FF",
        f"/plans/{rows.plans[0].id}",
        f"/routers/{rows.routers[0].id}",
        f"/routers/{rows.routers[0].id}/edit",
        f"/routers/{rows.routers[0].id}/live",
        f"/routers/{rows.routers[0].id}/secret",
        f"/staff/{rows.owner.id}",
    ]


@pytest.mark.parametrize("language", ["en", "id"])
def test_every_page_opens(owner: FlaskClient, seeded: Seeded, db: Session, language: str) -> None:
    seeded.owner.language = language
    db.commit()
    for path in (*LISTS, *pages_of(seeded)):
        answer = owner.get(path)
        assert answer.status_code == 200, path
        assert "Undefined" not in answer.text, path


def test_looking_changes_nothing(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    for path in pages_of(seeded):
        owner.get(path)
    db.refresh(seeded.service)
    assert (seeded.service.status, seeded.service.service_plan_id) == ("active", seeded.plans[0].id)
    assert db.scalars(select(SessionChange).where(SessionChange.status == "pending")).all() == []


def test_nothing_of_another_provider_is_seen(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    other = make_tenant(db, name="Other Net")
    stranger = make_user(db, tenant=other, permissions=sorted(PERMISSIONS), email="stranger@example.net")
    subscription = make_subscription(
        db, customer=make_customer(db, tenant=other), plan=make_plan(db, tenant=other), tenant=other, username="theirs"
    )
    make_session(db, subscription, make_nas(db, tenant=other), framedipaddress="100.64.0.10")
    db.commit()
    client = client_of(stranger)
    for path in LISTS:
        text = client.get(path).text
        assert "Budi" not in text, path
        assert "budi01" not in text, path
        assert "RB-Cempaka" not in text, path
    for path in pages_of(seeded):
        assert client.get(path).status_code == 404, path


def test_the_follow_line_shows_no_change_of_another_provider(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    other = make_tenant(db)
    stranger = make_user(db, tenant=other, permissions=["view_customers"], email="stranger@example.net")
    db.commit()
    ids = "-".join(str(number) for number in db.scalars(select(SessionChange.id)))
    assert ids
    assert seeded.service.username not in client_of(stranger).get(f"/changes/follow?ids={ids}").text


def test_every_view_says_which_permission_it_needs(app: Flask, seeded: Seeded) -> None:
    open_views = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint.startswith("panel.") and need_of(view) is None
    ]
    assert open_views == []


def test_a_viewer_can_change_nothing(
    app: Flask, client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers", "view_plans", "view_nas"])
    db.commit()
    client = client_of(viewer)
    own = {"panel.settings.me", "panel.settings.preferences", "panel.settings.language", "panel.settings.password"}
    # Columns and views are everybody's own; which list they belong to is asked there.
    own |= {"panel.lists.columns", "panel.lists.save", "panel.lists.remove"}
    # These only look: at what a plan would do, at why somebody is not online, at what a login would be answered.
    own |= {"panel.plans.preview", "panel.doctor.examine", "panel.first_run.simulate"}
    changing = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("panel.")
        and "POST" in (rule.methods or ())
        and rule.endpoint not in own
        # How one signs in oneself.
        and not rule.endpoint.startswith("panel.second_factors.")
        # A payer's page is for whoever has the link.
        and need_of(app.view_functions[rule.endpoint]) != PUBLIC
    ]
    assert len(changing) > 20
    open_to_him = {}
    for rule in changing:
        url = address_of(rule, lambda table: 1) or _UNNAMED.sub("1", rule.rule)
        status = client.post(url).status_code
        if status != 403:
            open_to_him[rule.endpoint] = status
    assert open_to_him == {}


def test_a_made_username_follows_the_customer(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    answer = owner.post(
        "/customers/new",
        data={
            "name": "Ñandú Pérez", "customer_type": "residential", "language": "id",
            "service_plan_id": str(seeded.plans[1].id), "nas_server_id": "", "connection_type": "", "activate": "y",
        },
    )  # fmt: skip
    customer = db.scalars(select(Customer).where(Customer.name == "Ñandú Pérez")).one()
    username = db.scalars(select(Subscription.username).where(Subscription.customer_id == customer.id)).one()
    assert username == f"nandu{customer.customer_code[-4:]}"
    assert username in answer.text


def test_an_edit_by_somebody_else_meanwhile_is_not_overwritten(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    stale = {"name": "Budi", "customer_type": "residential", "language": "id", "version": str(seeded.budi.version)}
    seeded.budi.city = "Garut"
    db.commit()
    answer = owner.post(f"/customers/{seeded.budi.id}/edit", data=stale)
    assert answer.status_code == 422
    assert "Somebody else saved this meanwhile" in answer.text


def test_a_form_returns_only_to_pages_of_ours(owner: FlaskClient, seeded: Seeded) -> None:
    for evil in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = owner.post("/settings/preferences", data={"theme": "dark", "back": evil})
        assert answer.headers["Location"] == "/"
    answer = owner.post("/settings/preferences", data={"theme": "dark", "back": "/customers?q=a"})
    assert answer.headers["Location"] == "/customers?q=a"


def test_a_part_of_a_page_sends_a_signed_out_browser_to_the_sign_in_page(app: Flask, seeded: Seeded) -> None:
    shown = {"HX-Request": "true", "HX-Current-URL": "http://localhost/customers/1?tab=service"}
    answer = app.test_client().get("/customers/1/live", headers=shown)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/customers/1?tab%3Dservice"


def test_a_speed_with_an_end_is_typed_in_the_providers_zone(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT10:00")
    wanted = {"download_kbps": "30M", "upload_kbps": "15M", "speed_expires_at": tomorrow}
    answer = owner.post(f"/subscriptions/{seeded.service.id}/speed", data=wanted)
    assert answer.status_code == 303
    db.refresh(seeded.service)
    assert seeded.service.limits is not None
    assert seeded.service.limits.speed_expires_at is not None
    assert seeded.service.limits.speed_expires_at.astimezone(UTC).strftime("%H:%M") == "03:00"


def test_suspending_a_customer_ends_his_sessions_and_activating_lets_him_in(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    page = f"/customers/{seeded.budi.id}"
    answer = owner.post(f"{page}/suspend", data={"reason": "overdue"})
    assert "follow=" in answer.headers["Location"]
    db.refresh(seeded.budi)
    assert (seeded.budi.status, seeded.budi.suspend_reason) == ("suspended", "overdue")
    assert owner.post(f"{page}/suspend", data={"reason": "overdue"}).status_code == 422
    assert "Activate the customer" in owner.get(page).text
    assert owner.post(f"{page}/activate").status_code == 303
    db.refresh(seeded.budi)
    assert seeded.budi.status == "active"
