"""The first steps on one page: what is refused stays on the page, and nothing that was counted is counted otherwise."""

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from webadmin.panel import router_test


def test_the_zone_that_days_were_counted_in_stays(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    data = {"name": "Cempaka Net", "timezone": "Asia/Makassar", "locale": "id"}
    answer = owner.post("/start/company", data=data)
    assert answer.status_code == 422
    assert "what days and periods of subscriptions were counted in" in answer.text
    assert owner.post("/start/company", data=data | {"timezone": "Asia/Jakarta"}).status_code == 303


def test_what_is_wrong_is_said_beside_its_field_and_stays_typed(owner: FlaskClient, seeded: Seeded) -> None:
    for path, data, kept in (
        ("company", {"name": "Melati", "timezone": "Mars/Base", "locale": "id"}, "Mars/Base"),
        ("plan", {"name": "Rumah", "download_kbps": "fast", "upload_kbps": "1M", "price": "1"}, None),
        ("customer", {"name": "", "service_plan_id": ""}, None),
    ):
        answer = owner.post(f"/start/{path}", data=data)
        assert answer.status_code == 422, path
        assert kept is None or kept in answer.text


def test_a_login_is_simulated_with_the_rules_of_a_real_one(owner: FlaskClient, seeded: Seeded) -> None:
    page = owner.post("/start/customer/try").text
    assert "He would be let in" in page
    assert "Mikrotik-Rate-Limit" in page


def test_the_lights_ask_the_router_until_it_answers(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    router = seeded.routers[-1]
    shown = owner.post(f"/routers/{router.id}/lights").text
    assert shown.count("light-unknown") == 4
    assert 'hx-trigger="load delay:1s, every 2s"' in shown
    assert "waiting for its answer" in owner.get(f"/routers/{router.id}/test").text.lower()


def test_a_signed_answer_of_the_coa_port_lights_three() -> None:
    line = router_test.use.Finding
    findings = tuple(
        line(check=check, verdict="ok" if check == "coa" else "unknown", reason="")
        for check in ("heard", "logins", "secret", "coa")
    )
    told = router_test.use.RouterReport(nas_id=1, name="RB", findings=findings, is_waiting=False)
    assert [light.verdict for light in router_test.lights(told)] == ["ok", "ok", "ok", "unknown"]
