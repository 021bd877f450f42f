"""The provider's settings in the panel, over HTTP and at a terminal."""

import json
from collections.abc import Callable

from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from cli.main import root
from db.models import Subscription, User
from factories import make_user


def test_case_of_usernames_is_switched_on_the_page(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    seeded.service.username = "Budi01"
    db.commit()

    assert owner.post("/settings/provider", data={"usernames_ignore_case": "y"}).status_code == 303

    db.expire_all()
    assert db.get_one(Subscription, seeded.service.id).username == "budi01"
    assert "checked" in owner.get("/settings/provider").text


def test_names_that_are_alike_are_told_beside_the_box(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    other = next(row for row in seeded.customers if row.id != seeded.budi.id)
    twin = db.query(Subscription).filter_by(customer_id=other.id).first()
    assert twin is not None
    twin.username = seeded.service.username.upper()
    db.commit()

    refused = owner.post("/settings/provider", data={"usernames_ignore_case": "y"})

    assert refused.status_code == 422
    assert 'id="usernames_ignore_case-error"' in refused.text


def test_only_who_may_change_settings_does(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()

    assert client_of(viewer).post("/settings/provider", data={}).status_code == 403


def test_it_is_switched_at_a_terminal(seeded: Seeded) -> None:
    def run(*arguments: str) -> dict[str, object]:
        result = CliRunner().invoke(root, ["provider", *arguments, "--json"])
        assert result.exit_code == 0, result.output
        told: dict[str, object] = json.loads(result.output)
        return told

    assert run("usernames", "ignore-case")["usernames_ignore_case"] is True
    assert run("show")["usernames_ignore_case"] is True
    assert run("usernames", "exact")["usernames_ignore_case"] is False


def test_who_the_provider_is_and_what_counts_for_customers_is_changed_on_the_page(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    form = {
        "name": "Cempaka Net", "locale": "id", "country_code": "62", "timezone": seeded.tenant.timezone,
        "currency": seeded.tenant.currency, "default_customer_status": "prospect", "customer_code_prefix": "CUST",
        "subscription_code_prefix": "SUB", "grace_period_days": "3", "deleted_customers_become": "anonymous",
    }  # fmt: skip
    assert owner.post("/settings/provider/customers", data=form).status_code == 303

    page = owner.get("/settings/provider").text
    assert 'value="3"' in page
    assert owner.get("/plans/new").text.count('value="3"') == 1
    refused = owner.post("/settings/provider/customers", data=form | {"timezone": "Asia/Jayapura"})
    assert (refused.status_code, 'id="timezone-error"' in refused.text) == (422, True)


def test_a_plan_with_a_fixed_address_asks_for_one(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    service = db.get_one(Subscription, seeded.service.id)
    service.plan.features, service.assigned_ip = {"static_ip": True}, None
    db.commit()
    page = f"/customers/{seeded.budi.id}?subscription={service.id}"

    asked = owner.get(page).text
    service.assigned_ip = "10.9.9.9"
    db.commit()

    assert "comes with a fixed address" in asked
    assert "comes with a fixed address" not in owner.get(page).text
