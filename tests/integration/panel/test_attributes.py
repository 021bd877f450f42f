"""RADIUS attributes in the panel: written, refused beside their box, and seen in what a login is sent."""

import re
from html.parser import HTMLParser

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import PlanReplyAttribute, RadCheck, RadReply, ServicePlan

ROW = {
    "replies-0-attribute": "Framed-Route",
    "replies-0-op": "+=",
    "replies-0-value": "10.9.0.0/24 0.0.0.0 1",
    "checks-0-attribute": "NAS-Port-Id",
    "checks-0-op": "==",
    "checks-0-value": "ether3",
    "seen": "1",
}


class _Boxes(HTMLParser):
    """What a browser would send of a page's forms, nothing typed and no box ticked."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._list = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "select":
            self._list = given.get("name", "")
        elif tag == "option" and self._list and ("selected" in given or self._list not in self.sent):
            self.sent[self._list] = given.get("value", "")
        elif tag == "input" and given.get("type") not in ("checkbox", "radio") and given.get("name"):
            self.sent[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._list = ""


def form_of(client: FlaskClient, path: str) -> dict[str, str]:
    boxes = _Boxes()
    boxes.feed(client.get(path).text)
    return boxes.sent


def path_of(rows: Seeded) -> str:
    return f"/subscriptions/{rows.service.id}/attributes"


def test_rows_are_saved_and_shown_with_what_a_login_is_sent(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    saved = owner.post(path_of(seeded), data=ROW)

    assert saved.status_code == 303
    assert db.scalars(select(RadReply.value)).all() == ["10.9.0.0/24 0.0.0.0 1"]
    assert db.scalars(select(RadCheck.attribute)).all() == ["NAS-Port-Id"]
    page = owner.get(saved.location).text
    assert page.count("10.9.0.0/24") == 2
    assert "Mikrotik-Rate-Limit" in page
    assert "Huawei-Input-Average-Rate" in owner.get(f"{saved.location}&vendor=huawei").text
    form = owner.get(path_of(seeded)).text
    assert 'value="10.9.0.0/24 0.0.0.0 1"' in form
    assert 'value="ether3"' in form

    assert owner.post(path_of(seeded), data={"seen": "1"}).status_code == 303
    db.expire_all()
    assert db.scalars(select(RadReply)).all() == []


def test_a_row_is_added_and_taken_away_and_nothing_is_saved_by_it(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    more = owner.post(path_of(seeded), data=ROW | {"add_replies": "1"})
    less = owner.post(path_of(seeded), data=ROW | {"remove_checks": "0"})

    assert (more.status_code, less.status_code) == (200, 200)
    assert 'name="replies-1-attribute"' in more.text
    assert 'value="ether3"' in more.text
    assert 'name="checks-0-attribute"' not in less.text
    assert 'value="10.9.0.0/24 0.0.0.0 1"' in less.text
    assert db.scalars(select(RadReply)).all() == []


def test_what_cannot_be_sent_is_told_beside_its_box(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    refused = owner.post(path_of(seeded), data=ROW | {"replies-0-value": "everywhere"})

    assert refused.status_code == 422
    assert re.search(r'id="replies-0-value-error".*Write it like|write it like', refused.text, re.DOTALL)
    assert 'value="everywhere"' in refused.text
    assert db.scalars(select(RadReply)).all() == []


def test_a_plan_has_attributes_and_a_guaranteed_speed(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    plan = seeded.plans[0]
    typed = {
        "tell": "login",
        "min_download_kbps": "2M",
        "min_upload_kbps": "1M",
        "reply_attributes-0-attribute": "Port-Limit",
        "reply_attributes-0-op": ":=",
        "reply_attributes-0-value": "2",
        "download_kbps": "20M",
        "upload_kbps": "10M",
        "priority": "8",
    }
    form = form_of(owner, f"/plans/{plan.id}") | typed

    more = owner.post(f"/plans/{plan.id}/save", data=form | {"add_reply_attributes": "1"})
    preview = owner.post(f"/plans/preview?plan={plan.id}", data=form)
    saved = owner.post(f"/plans/{plan.id}/save", data=form)

    assert more.status_code == 200
    assert 'name="reply_attributes-1-attribute"' in more.text
    assert "10M/20M 0/0 0/0 0/0 8 1M/2M" in preview.text
    assert saved.status_code == 303, re.findall(r"form-error.*?</span>", saved.text, re.DOTALL)
    db.expire_all()
    assert [(row.attribute, row.value) for row in db.scalars(select(PlanReplyAttribute))] == [("Port-Limit", "2")]
    assert db.get_one(ServicePlan, plan.id).min_upload_kbps == 1000
    wrong = owner.post(f"/plans/{plan.id}/save", data=form | {"reply_attributes-0-value": "many"})
    assert wrong.status_code == 422
    assert "reply_attributes-0-value-error" in wrong.text


def test_a_router_of_another_maker_is_added(owner: FlaskClient, seeded: Seeded) -> None:
    form = form_of(owner, "/routers/new") | {"name": "BNG-9", "host": "192.0.2.99", "type": "juniper"}

    added = owner.post("/routers/new", data=form)

    assert added.status_code == 200, added.text
    assert "BNG-9" in added.text
