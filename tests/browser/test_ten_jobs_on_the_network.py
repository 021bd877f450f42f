"""The jobs that reach a router, in both languages and on a phone, with real FreeRADIUS, collector and worker.

A customer is signed up and comes online; the doctor says why he was not; his plan is changed; he is suspended and
restored; he is found among those online and disconnected. The simulated router tells what really happened to him.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.person import Person
from browser.seed_panel import Seeded
from db.models import Invoice
from factories import make_nas
from live_stack import LiveStack
from runtime.settings import Settings, get_settings
from simulator import LoginRefused, SessionHandle, SimulatedRouter

# An address of this machine that no other test's router uses.
ADDRESS = "127.0.0.78"
MAC = "02:00:00:00:78:01"
SOON_MS = 30_000


@pytest.fixture
def settings(live_servers: LiveStack) -> Settings:
    """The panel works on what FreeRADIUS, collector and worker work on."""
    return get_settings()


@pytest.fixture
def router(live_servers: LiveStack, seeded: Seeded, db: Session) -> Iterator[SimulatedRouter]:
    """A router that the panel knows, and that really talks to the servers."""
    row = make_nas(db, tenant=seeded.tenant, name="RB-Pasar", host=ADDRESS)
    ports = live_servers.radius.settings
    with SimulatedRouter(
        secret=row.radius_secret, source_ip=ADDRESS, auth_port=ports.radius_auth_port,
        acct_port=ports.radius_acct_port, coa_port=0, timeout_ms=2000,
    ) as simulated:  # fmt: skip
        row.coa_port = simulated.coa_port
        db.commit()
        yield simulated


def dial(router: SimulatedRouter, username: str, password: str) -> SessionHandle:
    """Dial until the servers have heard of what was changed just now."""
    for _ in range(50):
        try:
            return router.login_pppoe(username, password, mac=MAC)
        except LoginRefused:
            continue
    return router.login_pppoe(username, password, mac=MAC)


def sign_up(person: Person) -> tuple[str, str]:
    person.go("Customers", "Customers")
    person.press("New customer")
    person.fill("Name", "Wayan Sudarma")
    person.fill("Phone", "0813 7777 1234")
    plan = person.page.locator("#service_plan_id option", has_text="Home 20").get_attribute("value")
    person.page.locator("#service_plan_id").select_option(plan)
    person.looks("new customer")
    person.press("Add customer")
    secrets = person.page.locator(".secret > span")
    expect(secrets).to_have_count(2)
    username, password = secrets.all_inner_texts()
    person.looks("customer added")
    person.press("Open customer page")
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("Wayan Sudarma")
    return username, password


def ask_the_doctor(person: Person, router: SimulatedRouter, username: str) -> None:
    """He mistyped his password: the doctor says so in one sentence."""
    with pytest.raises(LoginRefused):
        router.login_pppoe(username, "wrong", mac=MAC)
    refusals = person.page.locator("#decisions-card")
    expect(refusals).to_contain_text(person.word("wrong password"), ignore_case=True, timeout=SOON_MS)
    person.press("Connection doctor")
    expect(person.page.locator("#doctor-end.doctor-end-bad")).to_be_visible(timeout=SOON_MS)
    expect(person.page.locator(".doctor-waits")).to_have_count(0)
    person.looks("doctor")
    person.picture("doctor")
    person.press("Close", person.sheet())
    expect(person.sheet()).to_have_count(0)


def online(person: Person) -> None:
    """The page says that he is online, by itself."""
    expect(person.page.locator("#session-card .dot-on").first).to_be_visible(timeout=SOON_MS)


def change_plan(person: Person, router: SimulatedRouter, session: SessionHandle) -> None:
    before = len(router.coa_records)
    person.press("More")
    person.press("Change plan")
    sheet = person.sheet()
    option = sheet.locator("#service_plan_id option", has_text="Business 50").get_attribute("value")
    sheet.locator("#service_plan_id").select_option(option)
    expect(sheet.locator("#plan-effect")).to_contain_text(re.compile(r"\d"))
    expect(person.field("Count the days that are left", sheet)).to_be_checked()
    person.looks("change plan")
    person.press("Change plan", sheet)
    router.wait_for_coa(before + 1, timeout_seconds=20)
    assert session.rate_limit.startswith("50M/50M")
    expect(person.page.locator("#follow")).to_contain_text("RB-Pasar", timeout=SOON_MS)
    person.looks("plan changed")


def suspend_and_restore(
    person: Person, router: SimulatedRouter, session: SessionHandle, username: str, password: str
) -> SessionHandle:
    person.press("Suspend")
    person.looks("suspend")
    person.press("Suspend", person.sheet())
    router.wait_until(lambda: not session.is_open, timeout_seconds=20)
    person.looks("suspended")
    with pytest.raises(LoginRefused):
        router.login_pppoe(username, password, mac=MAC)
    person.press("Activate")
    person.press("Activate", person.sheet())
    again = dial(router, username, password)
    online(person)
    return again


def disconnect_among_those_online(person: Person, router: SimulatedRouter, session: SessionHandle) -> None:
    person.go("Network", "Online now")
    person.looks("online")
    person.picture("online")
    person.fill("Search", "wayan")
    person.page.keyboard.press("Enter")
    person.page.wait_for_url(re.compile("q=wayan"))
    row = person.page.locator("#online tbody tr")
    expect(row).to_have_count(1, timeout=SOON_MS)
    row.get_by_role("checkbox").check()
    person.press("Disconnect marked")
    person.looks("disconnect")
    person.press("Disconnect", person.sheet())
    router.wait_until(lambda: not session.is_open, timeout_seconds=20)
    assert session.terminate_cause == "Admin-Reset"


def see_the_router(person: Person) -> None:
    """Everything that was done went through it: what it was seen to do is well."""
    person.go("Network", "Routers")
    person.page.get_by_role("link", name="RB-Pasar").click()
    report = person.page.locator("#router-test")
    expect(report.locator(".state-green")).not_to_have_count(0)
    expect(report.locator(".state-red")).to_have_count(0)
    # The four lights of a new router are gone: each of them is lit.
    expect(person.page.locator("#lights")).to_have_count(0)
    person.looks("router")
    person.picture("router")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_customer_comes_online_and_is_looked_after(
    person: Person, router: SimulatedRouter, seeded: Seeded, db: Session
) -> None:
    username, password = sign_up(person)
    ask_the_doctor(person, router, username)
    session = dial(router, username, password)
    online(person)
    person.looks("customer online")
    change_plan(person, router, session)
    assert db.scalars(select(Invoice)).all(), "what is left of the period is billed"
    session = suspend_and_restore(person, router, session, username, password)
    disconnect_among_those_online(person, router, session)
    see_the_router(person)
