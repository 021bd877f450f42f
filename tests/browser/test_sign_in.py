"""Second factors in a real browser: an app's code, a passkey of a virtual authenticator, and being asked again."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from passlib.totp import TOTP
from playwright.sync_api import CDPSession, Page, expect
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from browser.seed_panel import EMAIL, Seeded
from browser.steps import sign_in
from db.models import Passkey, StaffSession
from factories import PASSWORD, make_user

SERIOUS = ("serious", "critical")


def code_of(secret: str, ahead_s: int = 0) -> str:
    return str(TOTP(key=secret, format="base32").generate(time.time() + ahead_s).token)


def sign_out(page: Page) -> None:
    page.locator("summary[aria-label^='Account of']").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_selector("#email")


def age_proof(db: Session) -> None:
    db.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=16)))
    db.commit()


def faults_of(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]


@pytest.fixture
def local(panel_url: str) -> str:
    """Passkeys are bound to a host name; an address such as 127.0.0.1 is none."""
    return panel_url.replace("127.0.0.1", "localhost")


@pytest.fixture
def authenticator(visitor: Page) -> Iterator[CDPSession]:
    """A fingerprint reader that says yes, inside the browser."""
    session = visitor.context.new_cdp_session(visitor)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    yield session
    session.send("WebAuthn.disable")


def test_an_app_is_set_up_and_asked_for_at_the_next_sign_in(panel: Page) -> None:
    panel.goto("/settings/sign-in")
    panel.get_by_role("link", name="Set up an app").click()
    expect(panel.locator(".qr svg")).to_be_visible()
    assert faults_of(panel) == []
    secret = panel.locator("input[name=secret]").input_value()
    panel.get_by_label("Six figures of the app").fill("123")
    panel.get_by_role("button", name="Switch on").click()
    expect(panel.get_by_text("is the clock of your phone right")).to_be_visible()
    assert panel.locator("input[name=secret]").input_value() == secret
    panel.get_by_label("Six figures of the app").fill(code_of(secret, -30))
    panel.get_by_role("button", name="Switch on").click()
    codes = panel.locator("#codes").inner_text().split()
    assert len(codes) == 10
    panel.get_by_role("link", name="I have kept them").click()
    expect(panel.get_by_text("10 codes are left")).to_be_visible()
    assert faults_of(panel) == []
    sign_out(panel)

    panel.fill("#email", EMAIL)
    panel.fill("#password", PASSWORD)
    panel.click("button[name=submit]")
    panel.get_by_label("Code of your app").fill("000000")
    panel.get_by_role("button", name="Sign in").click()
    expect(panel.get_by_role("alert")).to_contain_text("was not right")
    assert faults_of(panel) == []
    panel.get_by_label("Code of your app").fill(code_of(secret))
    panel.get_by_role("button", name="Sign in").click()
    panel.wait_for_selector(".frame")
    sign_out(panel)

    sign_in_with(panel, codes[0])
    panel.goto("/settings/sign-in")
    expect(panel.get_by_text("9 codes are left")).to_be_visible()


def sign_in_with(page: Page, code: str) -> None:
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("button[name=submit]")
    page.get_by_label("Code of your app").fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".frame")


def make_passkey(page: Page, local: str, name: str) -> None:
    """Sign in by password, and make a passkey."""
    page.goto(f"{local}/login")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("button[name=submit]")
    page.wait_for_selector(".frame")
    page.goto(f"{local}/settings/sign-in")
    page.get_by_label("Name of the new passkey").fill(name)
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("link", name="I have kept them").click()


def test_a_passkey_is_made_signs_in_alone_and_answers_when_asked_again(
    visitor: Page, complaints: list[str], seeded: Seeded, db: Session, local: str, authenticator: CDPSession
) -> None:
    make_passkey(visitor, local, "Laptop at the counter")
    expect(visitor.get_by_role("cell", name="Laptop at the counter")).to_be_visible()
    assert faults_of(visitor) == []
    sign_out(visitor)

    visitor.get_by_role("button", name="Sign in with a passkey").click()
    visitor.wait_for_selector(".frame")
    db.commit()
    assert db.scalar(select(StaffSession.proved_by).order_by(StaffSession.id.desc())) == "passkey"
    key = db.scalars(select(Passkey)).one()
    assert key.last_used_at is not None

    age_proof(db)
    visitor.goto(f"{local}/customers/{seeded.budi.id}/balance")
    visitor.locator("input[name=amount]").fill("25000")
    visitor.locator("[name=description]").fill("sorry for Tuesday")
    visitor.locator("main form button[type=submit]").first.click()
    expect(visitor.get_by_role("heading", name="Is it you?")).to_be_visible()
    assert faults_of(visitor) == []
    visitor.get_by_role("button", name="Use a passkey").click()
    expect(visitor.get_by_text(re.compile("The balance is now"))).to_be_visible()
    db.refresh(seeded.budi)
    assert seeded.budi.balance == 25000

    sign_out(visitor)
    visitor.fill("#email", EMAIL)
    visitor.fill("#password", PASSWORD)
    visitor.click("button[name=submit]")
    visitor.get_by_role("button", name="Use a passkey").click()
    visitor.wait_for_selector(".frame")
    assert complaints == []


def test_a_passkey_that_is_not_known_opens_nothing(
    visitor: Page, seeded: Seeded, db: Session, local: str, authenticator: CDPSession
) -> None:
    make_passkey(visitor, local, "Old phone")
    visitor.wait_for_load_state()
    visitor.get_by_role("button", name="Remove").click()
    visitor.locator("dialog[open]").get_by_role("button", name="Remove").click()
    expect(visitor.get_by_text("opens nothing any more")).to_be_visible()
    sign_out(visitor)

    visitor.get_by_role("button", name="Sign in with a passkey").click()

    expect(visitor.get_by_text("opens no account here")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 360], ids=["wide", "phone"])
def test_the_pages_fit_and_are_pictured(panel: Page, seeded: Seeded, db: Session, width: int, tmp_path: Path) -> None:
    panel.set_viewport_size({"width": width, "height": 800})
    for address in (
        "/settings/sign-in",
        "/settings/sign-in/app",
        "/roles",
        "/roles/new",
        "/audit",
        f"/staff/{seeded.owner.id}",
    ):
        panel.goto(address)
        assert panel.evaluate("document.documentElement.scrollWidth") <= width, address
        assert faults_of(panel) == [], address
        panel.screenshot(path=tmp_path / f"{address.strip('/').replace('/', '-')}.png", full_page=True)


def test_the_steps_before_the_panel_speak_indonesian(visitor: Page, seeded: Seeded) -> None:
    visitor.goto("/login")
    visitor.get_by_role("button", name="Bahasa Indonesia").click()
    visitor.goto("/forgot-password")
    assert visitor.locator("html").get_attribute("lang") == "id"


def test_the_counter_is_not_asked_again_right_after_signing_in(visitor: Page, seeded: Seeded) -> None:
    sign_in(visitor)
    visitor.goto(f"/routers/{seeded.routers[0].id}")
    visitor.locator("form[action$='/secret/show'] button").first.click()
    expect(visitor.get_by_role("heading", name="Is it you?")).to_have_count(0)


def test_a_link_from_a_colleague_sets_a_password(
    visitor: Page, complaints: list[str], seeded: Seeded, db: Session
) -> None:
    colleague = make_user(db, tenant=seeded.tenant, name="Joko", permissions=["view_plans"])
    db.commit()
    sign_in(visitor)
    visitor.goto(f"/staff/{colleague.id}")
    visitor.get_by_role("button", name="Link for a new password").click()
    address = visitor.locator(".secret span").first.inner_text()
    sign_out(visitor)

    visitor.goto(address)
    assert "#" not in visitor.url
    assert faults_of(visitor) == []
    visitor.get_by_label("New password").fill("sawah hijau di pagi hari")
    visitor.get_by_role("button", name="Set password").click()
    expect(visitor.get_by_text("The password is set")).to_be_visible()
    sign_in(visitor, colleague.email, "sawah hijau di pagi hari")
    visitor.goto(address)
    expect(visitor.get_by_label("New password")).to_be_visible()
    assert complaints == []


def test_a_role_is_made_given_and_counts_at_once(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto("/roles")
    panel.get_by_role("link", name="New role").click()
    panel.get_by_label("Name", exact=True).fill("counter")
    panel.get_by_label("see customers, subscriptions, sessions and usage").check()
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("heading", name="counter")).to_be_visible()
    panel.goto("/staff/new")
    panel.get_by_label("Name").fill("Joko")
    panel.get_by_label("E-mail").fill("joko@example.net")
    panel.get_by_label("counter").check()
    panel.get_by_role("button", name="Add member").click()
    expect(panel.locator(".secret")).to_be_visible()
    panel.goto("/audit?action=role")
    expect(panel.get_by_text("made a role")).to_be_visible()
