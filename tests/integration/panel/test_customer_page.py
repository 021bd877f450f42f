"""The customer page: its tabs with addresses of their own, its timeline, what it tells while one looks, its doctor."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.routing import RoutingException
from werkzeug.test import TestResponse

from browser.seed_panel import Seeded
from bss.doctor import Conclusion, asking
from bss.doctor.words import Facts
from db.models import Payment, RadAcct, SessionChange, User
from domain.diagnosis import ACTIONS
from factories import make_user
from webadmin.panel import customer_page as page
from webadmin.panel import live
from webadmin.panel.doctor import button_of

PART = {"HX-Request": "true"}
NOW = datetime.now(UTC)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open answer of three turns, at once."""
    turns = iter(range(100))
    monkeypatch.setattr(live, "EVERY_S", 0.001)
    monkeypatch.setattr("webadmin.panel.live.time.sleep", lambda _: None)
    monkeypatch.setattr("webadmin.panel.live.time.monotonic", lambda: float(next(turns)) * live.LONGEST_S / 3.5)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker takes the probe here, so nobody needs to wait for one."""
    monkeypatch.setattr(asking, "WITHIN_S", 0.2)


def url(seeded: Seeded, **arguments: str) -> str:
    given = {"subscription": str(seeded.service.id)} | arguments
    return f"/customers/{seeded.budi.id}?" + "&".join(f"{name}={value}" for name, value in given.items())


@pytest.mark.parametrize("tab", page.TABS)
def test_every_tab_has_an_address_and_comes_alone_when_a_script_asks(
    owner: FlaskClient, seeded: Seeded, tab: str
) -> None:
    whole = owner.get(url(seeded, tab=tab)).text
    part = owner.get(url(seeded, tab=tab).replace("?", "/tab?"), headers=PART).text

    assert whole.startswith("<!doctype html>")
    assert not part.startswith("<!doctype html>")
    for text in (whole, part):
        assert re.search(rf'tab={tab}"[^>]*aria-current="page"', text), tab


def test_a_tab_that_does_not_exist_is_the_first(owner: FlaskClient, seeded: Seeded) -> None:
    assert 'id="session-card"' in owner.get(url(seeded, tab="../etc")).text


def test_a_subscription_is_listed_with_its_next_bill_and_its_invoices(owner: FlaskClient, seeded: Seeded) -> None:
    text = owner.get(url(seeded, tab="subscriptions")).text

    assert "Next bill" in text
    assert "Rp 250,000" in text
    assert f"/invoices?subscription={seeded.service.id}" in text


def test_who_may_not_see_money_sees_no_bill(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()

    text = client_of(viewer).get(url(seeded, tab="subscriptions")).text

    assert "Next bill" not in text
    assert "balance Rp" not in text


def entries_of(text: str) -> list[str]:
    return re.findall(r'<li><span class="when">', text)


def test_the_timeline_is_one_list_of_everything_read_on_without_a_gap(
    owner: FlaskClient, seeded: Seeded, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.add(
        Payment(
            tenant_id=seeded.tenant.id, customer_id=seeded.budi.id, amount=250_000, method="cash", currency="IDR",
            status="completed", receipt_number="KW-1", paid_at=NOW - timedelta(hours=4),
            created_at=NOW - timedelta(hours=4),
        )
    )  # fmt: skip
    db.commit()
    all_at_once = owner.get(url(seeded, tab="timeline")).text
    monkeypatch.setattr(page, "TIMELINE_SHOWN", 3)

    seen, path = 0, url(seeded, tab="timeline")
    for _ in range(20):
        text = owner.get(path, headers=PART).text
        seen += len(entries_of(text))
        more = re.search(r'hx-get="([^"]+/timeline\?[^"]+after=[^"]+)"', text)
        if more is None:
            break
        path = more[1].replace("&amp;", "&")

    assert seen == len(entries_of(all_at_once)) > 9
    assert "paid Rp 250,000" in all_at_once
    assert "changed the plan" in all_at_once


@pytest.mark.parametrize("kind", ["audit", "payment", "change", "login", "nonsense"])
def test_the_timeline_is_narrowed_by_kind(owner: FlaskClient, seeded: Seeded, kind: str) -> None:
    text = owner.get(url(seeded, tab="timeline", kind=kind)).text

    assert ("changed the plan" in text) == (kind in ("audit", "nonsense"))
    assert ("change sent to RB-Cempaka" in text) == (kind in ("change", "nonsense"))


@pytest.mark.parametrize(
    "after", ["x", "2026-01-01T00:00:00+00:00_audit_x'", "9999_login_1", "2026-01-01T00:00:00_audit_1"]
)
def test_a_place_that_is_none_begins_anew(owner: FlaskClient, seeded: Seeded, after: str) -> None:
    answer = owner.get(url(seeded, tab="timeline", after=after))

    assert answer.status_code == 200
    assert "changed the plan" in answer.text


def test_who_may_not_see_the_audit_log_or_money_is_not_told_of_it(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()

    text = client_of(viewer).get(url(seeded, tab="timeline", kind="audit")).text

    assert "changed the plan" not in text
    assert "what staff did" not in text
    assert "let in" in text


def events(answer: TestResponse) -> list[tuple[str, str]]:
    """(name, data) of every message of an open answer."""
    found = []
    for block in answer.text.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":")]
        data = "\n".join(value for name, value in lines if name == "data")
        if data:
            found.append((next((value for name, value in lines if name == "event"), ""), data))
    return found


@pytest.mark.usefixtures("quick")
def test_the_page_is_told_what_changes_and_only_that(owner: FlaskClient, seeded: Seeded) -> None:
    answer = owner.get(url(seeded).replace("?", "/events?"))

    assert answer.mimetype == "text/event-stream"
    assert answer.text.startswith(f"retry: {live.AGAIN_MS}\n\n")
    told = events(answer)
    assert [name for name, _ in told[:2]] == ["", "flow"]
    assert 'id="head-dot"' in told[0][1]
    assert "data-spark" in told[1][1]
    assert len([name for name, _ in told if name == ""]) == 1


@pytest.mark.usefixtures("quick")
def test_without_room_one_is_told_everything_once_and_comes_back_later(
    owner: FlaskClient, seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live._room, "acquire", lambda blocking: False)

    answer = owner.get(url(seeded).replace("?", "/events?"))

    assert answer.text.startswith(f"retry: {live.AGAIN_WITHOUT_ROOM_MS}\n\n")
    assert [name for name, _ in events(answer)] == ["", "flow"]


@pytest.mark.usefixtures("quick")
def test_the_room_is_given_back_however_it_ends(owner: FlaskClient, seeded: Seeded) -> None:
    for _ in range(live.AT_ONCE + 2):
        begun = owner.get(url(seeded).replace("?", "/events?"), buffered=False)
        next(iter(begun.response))
        begun.close()

    assert owner.get(url(seeded).replace("?", "/events?")).text.startswith(f"retry: {live.AGAIN_MS}\n")


def test_nobody_listens_to_a_customer_of_another_provider(owner: FlaskClient, seeded: Seeded) -> None:
    assert owner.get(f"/customers/{seeded.budi.id + 100_000}/events").status_code == 404


def suspend(db: Session, seeded: Seeded) -> None:
    """He is offline and may not come back."""
    seeded.service.status = "suspended"
    mine = RadAcct.subscription_id == seeded.service.id, RadAcct.acctstoptime.is_(None)
    db.execute(update(RadAcct).where(*mine).values(acctstoptime=NOW))
    db.commit()


def test_without_a_script_the_doctor_answers_with_a_whole_page(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    suspend(db, seeded)
    path = f"/subscriptions/{seeded.service.id}/doctor"

    asked = owner.get(path).text
    answer = owner.post(path)

    assert "data-stream-now" in asked
    assert "<!doctype html>" in answer.text
    assert "He cannot log in: the subscription is suspended." in answer.text
    assert f"/subscriptions/{seeded.service.id}/activate" in answer.text
    assert answer.text.count('class="doctor-step doctor-') == 9


def test_with_a_script_the_doctors_steps_come_line_by_line(owner: FlaskClient, seeded: Seeded) -> None:
    answer = owner.post(f"/subscriptions/{seeded.service.id}/doctor", headers=PART)

    lines = [line for line in answer.text.split("\n") if line.strip()]
    assert [re.findall(r'id="([^"]+)"', line)[0] for line in lines][-1] == "doctor-end"
    assert sorted(line.split('id="')[1].split('"')[0] for line in lines[:-1]) == sorted(
        f"doctor-{name}"
        for name in ("account", "logins", "router", "secret", "clock", "session", "speed", "coa", "queue")
    )


@pytest.fixture
def context(app: Flask, seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("webadmin.panel.doctor.may", lambda _: True)
    with app.test_request_context("/"):
        yield


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("mac_id", [None, 3])
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_of_the_doctor_is_a_button_that_leads_somewhere(
    app: Flask, action: str, mac_id: int | None
) -> None:
    facts = Facts(subscription_id=1, customer_id=2, username="budi", nas_id=4, mac="AA:BB:CC:00:00:01", mac_id=mac_id)
    end = Conclusion(code="x", severity="bad", reason="x", mend="", action=action, facts=facts)

    button = button_of(end)

    if action == "none":
        assert button is None
        return
    assert button is not None
    method = "POST" if button.kind in ("post", "now") else "GET"
    assert _leads(app, button.url, method), (button.url, method)


def _leads(app: Flask, path: str, method: str) -> bool:
    try:
        app.url_map.bind("localhost").match(path.partition("?")[0], method=method)
    except RoutingException:
        return False
    return True


def test_who_may_not_act_gets_the_sentence_without_the_button(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    suspend(db, seeded)
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()

    text = client_of(viewer).post(f"/subscriptions/{seeded.service.id}/doctor").text

    assert "He cannot log in" in text
    assert f"/subscriptions/{seeded.service.id}/activate" not in text


def test_the_speed_is_sent_again_by_its_button(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    answer = owner.post(f"/subscriptions/{seeded.service.id}/resend-speed", follow_redirects=True)

    assert "The speed is sent again." in answer.text
    assert 'id="follow"' in answer.text
    newest = db.query(SessionChange).order_by(SessionChange.id.desc()).first()
    assert newest is not None
    assert newest.subscription_id == seeded.service.id


def test_a_viewer_sees_the_page_and_no_action_in_it(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()

    text = client_of(viewer).get(url(seeded)).text

    for word in ("suspend", "disconnect", "plan", "speed", "pay", "terminate", "resend-speed", "devices/"):
        assert f"/subscriptions/{seeded.service.id}/{word}" not in text, word
    assert f"/subscriptions/{seeded.service.id}/doctor" in text


def test_whoever_listens_is_refused_and_not_led_elsewhere_when_nobody_is_signed_in(app: Flask, seeded: Seeded) -> None:
    stranger = app.test_client()
    path = url(seeded).replace("?", "/events?")

    assert stranger.get(path, headers={"Accept": "text/event-stream"}).status_code == 401
    assert stranger.get(path).status_code == 302


def test_a_waiting_device_is_shown_with_what_helps_to_decide_and_is_allowed_on_the_overview(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    seeded.service.mac_binding = "approval"
    db.commit()

    waiting = owner.get("/devices/waiting").text
    overview = owner.get(url(seeded)).text

    assert "D4:CA:6D:99:00:02" in waiting
    assert "1 device</a>" in waiting
    assert "A device waits to be allowed." in overview
    form = re.search(r'action="(/subscriptions/\d+/devices/\d+)"', overview)
    assert form is not None
    page_after = owner.post(form[1], data={"do": "approved"}, follow_redirects=True).text
    assert "The device is allowed." in page_after
    assert "A device waits to be allowed." not in owner.get(url(seeded)).text
