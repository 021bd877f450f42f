"""What staff do every day, done in a real browser."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from browser.steps import sign_in
from db.models import AuditLog, RadAcct, ServicePlan, SessionChange, SubscriptionMac
from factories import PASSWORD, make_user


def customer_page(seeded: Seeded, **arguments: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    return f"/customers/{seeded.budi.id}?{query}"


def the_router_answers(db: Session, *, status: str, cause: str | None = None) -> None:
    """Stand in for the sender of live changes: everything that waits was sent and answered just now."""
    now = datetime.now(UTC)
    db.execute(
        update(SessionChange)
        .where(SessionChange.status == "pending")
        .values(
            status=status, error_cause=cause, sent_at=now, finished_at=SessionChange.caused_at + timedelta(seconds=0.31)
        )
    )
    db.commit()


def test_a_wrong_password_is_refused_in_plain_words(visitor: Page, seeded: Seeded) -> None:
    visitor.goto("/login")
    visitor.fill("#email", seeded.owner.email)
    visitor.fill("#password", "not-the-password")
    visitor.click("button[name=submit]")
    expect(visitor.get_by_role("alert")).to_contain_text("do not fit together")
    expect(visitor.locator("#email")).to_have_value(seeded.owner.email)


def test_the_sign_in_page_speaks_both_languages(visitor: Page, seeded: Seeded) -> None:
    visitor.goto("/login")
    visitor.get_by_role("button", name="Bahasa Indonesia").click()
    expect(visitor.get_by_role("button", name="Masuk", exact=True)).to_be_visible()
    assert visitor.locator("html").get_attribute("lang") == "id"


def test_suspending_shows_what_the_router_did(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.get_by_role("link", name="Suspend").click()
    sheet = panel.locator("dialog[open]")
    expect(sheet).to_contain_text("1 session is disconnected at once")
    sheet.get_by_label("Reason").select_option("abuse")
    sheet.get_by_role("button", name="Suspend").click()
    line = panel.locator("#follow")
    expect(line).to_contain_text("Waiting to be sent to RB-Cempaka")
    the_router_answers(db, status="ack")
    expect(line).to_contain_text("Acknowledged by RB-Cempaka 0.31 s after the click, not read back.")
    expect(panel.get_by_role("link", name="Activate")).to_be_visible()
    db.refresh(seeded.service)
    assert (seeded.service.status, seeded.service.suspend_reason) == ("suspended", "abuse")


def test_a_refusal_by_the_router_is_told_in_words(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.get_by_role("link", name="Disconnect").click()
    panel.locator("dialog[open]").get_by_role("button", name="Disconnect").click()
    the_router_answers(db, status="nak", cause="503 Session-Context-Not-Found")
    expect(panel.locator("#follow")).to_contain_text("RB-Cempaka refused: it has no such session")


def test_the_effect_of_a_plan_change_is_told_before_it_happens(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.keyboard.press("c")
    sheet = panel.locator("dialog[open]")
    sheet.get_by_label("New plan").select_option(str(seeded.plans[1].id))
    expect(sheet).to_contain_text("Speed ↓ 20 Mbps ↑ 10 Mbps → ↓ 10 Mbps ↑ 5 Mbps.")
    expect(sheet).to_contain_text("Rp 250,000 → Rp 175,000")
    assert db.scalar(select(SessionChange.id).where(SessionChange.status == "pending")) is None
    sheet.get_by_role("button", name="Change plan").click()
    expect(panel.locator("main")).to_contain_text("Plan is now Home 10")
    db.refresh(seeded.service)
    assert seeded.service.service_plan_id == seeded.plans[1].id


def test_a_refused_device_is_allowed_with_one_click(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.get_by_role("button", name="Allow this device").click()
    expect(panel.get_by_role("button", name="Allow this device")).to_have_count(0)
    found = db.scalar(select(SubscriptionMac.status).where(SubscriptionMac.mac == "aa:bb:cc:11:22:33"))
    assert found == "approved"


def test_looking_at_a_password_is_recorded(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.locator("main").get_by_text("More", exact=True).click()
    panel.get_by_role("button", name="Show password").click()
    expect(panel.locator("main")).to_contain_text(seeded.service.service_password)
    assert "subscription.password_shown" in db.scalars(select(AuditLog.action)).all()


def test_the_customer_page_updates_itself(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    expect(panel.locator("#session-card")).to_contain_text("Online")
    expect(panel.locator("#head-dot")).to_contain_text("on RB-Cempaka")
    db.execute(
        update(RadAcct)
        .where(RadAcct.subscription_id == seeded.service.id, RadAcct.acctstoptime.is_(None))
        .values(acctstoptime=datetime.now(UTC), acctterminatecause="User-Request")
    )
    db.commit()
    expect(panel.locator("#session-card")).to_contain_text("ended by the customer")
    expect(panel.locator("#head-dot")).to_have_text("offline")


def test_a_session_that_ended_leads_to_the_sign_in_page_and_back(panel: Page, seeded: Seeded) -> None:
    panel.goto(customer_page(seeded))
    panel.context.clear_cookies()
    panel.wait_for_url(re.compile("/login"), timeout=30_000)
    panel.fill("#email", seeded.owner.email)
    panel.fill("#password", PASSWORD)
    panel.click("button[name=submit]")
    expect(panel.get_by_role("heading", name=seeded.budi.name)).to_be_visible()


def test_the_list_is_narrowed_by_what_stands_in_the_address(panel: Page, seeded: Seeded) -> None:
    panel.goto("/customers")
    panel.get_by_role("search", name="Filter customers").get_by_label("State").select_option("suspended")
    panel.wait_for_url(re.compile("status=suspended"))
    expect(panel.locator("tbody tr")).to_have_count(1)
    panel.goto("/customers?q=0812345")
    expect(panel.locator("tbody tr")).to_have_count(25)
    panel.get_by_role("link", name="Next").click()
    expect(panel.locator("tbody tr")).to_have_count(5)
    panel.goto("/customers?q=nobody-like-this")
    expect(panel.get_by_text("No customer fits")).to_be_visible()


def test_marked_customers_outlive_a_turned_page_and_the_effect_is_seen_before(panel: Page) -> None:
    panel.goto("/customers?q=0812345")
    panel.locator("input[data-row]").first.check()
    panel.get_by_role("link", name="Next").click()
    panel.wait_for_url(re.compile("page=2"))
    panel.wait_for_load_state()
    panel.locator("input[data-row]").first.check()
    expect(panel.locator("[data-marked]")).to_have_text("2")
    panel.get_by_label("With the marked customers").select_option("suspend")
    panel.get_by_role("button", name="Look at the effect").click()
    expect(panel.locator("main")).to_contain_text("For 2 marked customers.")
    panel.get_by_role("button", name="Suspend").click()
    panel.wait_for_url(re.compile("customer-jobs"))
    panel.goto("/customers")
    expect(panel.locator("[data-marked]")).to_have_text("0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bud", "Budi Santoso"),
        ("budi01", "Budi Santoso"),
        ("d4ca.6d00.0001", "Budi Santoso"),
        ("RB-Mel", "RB-Melati"),
        ("busin", "Business 50"),
    ],
)
def test_the_search_finds_people_devices_routers_and_plans(panel: Page, text: str, expected: str) -> None:
    panel.goto("/settings")
    panel.keyboard.press("Control+k")
    panel.keyboard.type(text)
    expect(panel.locator("#search-found a.found").first).to_contain_text(expected)


def test_the_search_says_who_has_an_address(panel: Page, seeded: Seeded) -> None:
    panel.goto("/settings")
    panel.locator("body").press("/")
    panel.keyboard.type("100.64.0.10")
    expect(panel.locator("#search-found")).to_contain_text("has it now")
    panel.keyboard.press("ArrowDown")
    panel.keyboard.press("Enter")
    panel.wait_for_url(re.compile(rf"/customers/{seeded.budi.id}"))


def test_tiers_come_and_go_without_losing_what_was_typed(panel: Page, db: Session) -> None:
    panel.goto("/plans/new")
    panel.get_by_label("Name", exact=True).fill("Bertingkat")
    panel.get_by_label("Download", exact=True).fill("50M")
    panel.get_by_label("Upload", exact=True).fill("25M")
    for volume, percent in (("100", "50"), ("200", "80")):
        panel.get_by_role("button", name="Add a tier").click()
        tier = panel.locator(".tier").last
        expect(tier.locator("input").first).to_have_value("")
        tier.get_by_label("After (GB)").fill(volume)
        tier.get_by_label("or slower by (%)").fill(percent)
    expect(panel.locator(".tier")).to_have_count(2)
    expect(panel.locator("#preview")).to_contain_text("5M/10M")
    panel.get_by_role("button", name="Remove tier 1").click()
    expect(panel.locator(".tier")).to_have_count(1)
    expect(panel.get_by_label("After (GB)")).to_have_value("200")
    panel.get_by_role("button", name="Add plan").click()
    expect(panel.locator("tbody")).to_contain_text("Bertingkat")
    plan = db.scalars(select(ServicePlan).where(ServicePlan.name == "Bertingkat")).one()
    assert [(rule.threshold_bytes, rule.reduction_percent) for rule in plan.fup_rules] == [(200 * 10**9, 80)]


def test_a_refused_form_keeps_what_was_typed_and_names_the_field(panel: Page, seeded: Seeded) -> None:
    panel.goto("/customers/new")
    panel.get_by_label("Name", exact=True).fill("Kembar")
    panel.get_by_label("Phone").fill(seeded.budi.phone or "")
    panel.get_by_role("button", name="Add customer").click()
    expect(panel.locator("#phone-error")).to_contain_text("Belongs to another customer")
    expect(panel.get_by_label("Name", exact=True)).to_have_value("Kembar")
    expect(panel.get_by_label("Phone")).to_have_attribute("aria-invalid", "true")


def test_a_router_keeps_its_secret_until_somebody_asks(panel: Page, seeded: Seeded, db: Session) -> None:
    router = seeded.routers[0]
    panel.goto(f"/routers/{router.id}")
    assert router.radius_secret not in panel.content()
    panel.get_by_role("tab", name="RouterOS 6").click()
    expect(panel.locator("#commands-v6")).to_be_visible()
    panel.get_by_role("button", name="Show with secret").click()
    expect(panel.locator("#commands-v7")).to_contain_text(router.radius_secret)
    assert "nas.secret_shown" in db.scalars(select(AuditLog.action)).all()


def test_marked_sessions_outlive_a_turned_page_and_are_disconnected_after_a_look(panel: Page, db: Session) -> None:
    panel.goto("/online")
    expect(panel.get_by_role("button", name="Disconnect marked")).to_be_hidden()
    for box in panel.locator("input[data-row]").all()[:2]:
        box.check()
    panel.get_by_role("link", name="Traffic").click()
    panel.wait_for_url(re.compile("sort=-traffic"))
    expect(panel.locator(".bulk-count")).to_have_text("2 marked")
    panel.get_by_role("button", name="Disconnect marked").click()
    sheet = panel.locator("dialog[open]")
    expect(sheet).to_contain_text("2 sessions are disconnected")
    assert db.scalar(select(SessionChange.id).where(SessionChange.status == "pending")) is None
    sheet.get_by_role("button", name="Disconnect").click()
    expect(panel.locator("main")).to_contain_text("Disconnect of 2 sessions ordered.")
    waiting = db.scalars(select(SessionChange.kind).where(SessionChange.status == "pending")).all()
    assert waiting == ["disconnect", "disconnect"]
    panel.goto("/online")
    expect(panel.get_by_role("button", name="Disconnect marked")).to_be_hidden()


def test_the_language_is_the_users_own_and_stays(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto("/customers")
    panel.get_by_label("Language").click()
    panel.get_by_role("button", name="Bahasa Indonesia").click()
    expect(panel.get_by_role("heading", name="Pelanggan")).to_be_visible()
    assert "/customers" in panel.url
    db.refresh(seeded.owner)
    assert seeded.owner.language == "id"


def test_a_token_is_shown_once(panel: Page) -> None:
    panel.goto("/tokens/new")
    panel.get_by_label("What it is for").fill("billing script")
    panel.get_by_text("view_customers").click()
    panel.get_by_role("button", name="Make token").click()
    token = panel.locator(".secret span").first.inner_text()
    assert re.fullmatch(r"lts_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", token)
    panel.goto("/tokens")
    assert token not in panel.content()


def test_what_one_may_not_do_is_neither_shown_nor_done(visitor: Page, seeded: Seeded, db: Session) -> None:
    make_user(db, email="viewer@example.net", permissions=["view_customers"], tenant=seeded.tenant)
    db.commit()
    sign_in(visitor, "viewer@example.net")
    visitor.goto(customer_page(seeded))
    expect(visitor.get_by_role("link", name="Suspend")).to_have_count(0)
    expect(visitor.get_by_role("link", name="Routers")).to_have_count(0)
    answer = visitor.goto(f"/subscriptions/{seeded.service.id}/suspend")
    assert answer is not None
    assert answer.status == 403
    expect(visitor.get_by_role("heading", name="This is not yours to open")).to_be_visible()


def test_the_essential_actions_work_without_a_script(
    browser: Browser, panel_url: str, seeded: Seeded, db: Session
) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=panel_url)
    page = context.new_page()
    page.set_default_timeout(10_000)
    sign_in(page)
    page.goto(customer_page(seeded))
    page.get_by_role("link", name="Suspend").click()
    page.get_by_role("button", name="Suspend").click()
    expect(page.locator("#follow")).to_contain_text("Waiting to be sent")
    page.goto("/plans/new")
    page.get_by_role("button", name="Add a tier").click()
    expect(page.locator(".tier")).to_have_count(1)
    context.close()
    db.refresh(seeded.service)
    assert seeded.service.status == "suspended"
