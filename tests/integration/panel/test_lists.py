"""What the lists share: order by head, columns and views that are remembered, files, and marks with their effect."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import vouchers
from bss.actor import Actor
from bss.permissions import PERMISSIONS
from db.models import AuditLog, SavedView, SubscriptionFupState, User, Voucher
from factories import make_tenant, make_user
from webadmin.panel.tables import LISTS, is_query, query_of


def names_in(text: str) -> list[str]:
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [part.partition(">")[2].partition("<")[0] for part in body.split('<a class="plain-link')[1:]]


@pytest.mark.parametrize("key", sorted(LISTS))
def test_every_order_of_every_list_can_be_asked_for_and_turned_round(owner: FlaskClient, key: str) -> None:
    for sort in LISTS[key].sorts:
        for order in (sort, f"-{sort}"):
            answer = owner.get(LISTS_AT[key], query_string={"sort": order})
            assert answer.status_code == 200, order
    for sort in ("nonsense", "-", "name; drop table customers"):
        assert owner.get(LISTS_AT[key], query_string={"sort": sort}).status_code == 200


LISTS_AT = {
    "audit": "/audit",
    "customers": "/customers",
    "subscriptions": "/subscriptions",
    "invoices": "/invoices",
    "payments": "/payments",
    "plans": "/plans",
    "routers": "/routers",
    "vouchers": "/vouchers",
}


@pytest.mark.parametrize("key", sorted(LISTS))
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_every_list_can_be_taken_away(owner: FlaskClient, db: Session, key: str, kind: str) -> None:
    answer = owner.get(f"/lists/{key}/export.{kind}")
    assert answer.status_code == 200
    assert len(answer.data) > 20
    assert db.scalars(select(AuditLog.action).where(AuditLog.action == "list.exported")).all()


def test_the_heads_say_the_order_and_the_rows_follow_it(owner: FlaskClient) -> None:
    up, down = owner.get("/customers?sort=name").text, owner.get("/customers?sort=-name").text
    assert 'aria-sort="ascending"' in up
    assert 'aria-sort="descending"' in down
    assert names_in(up) == list(reversed(names_in(down)))
    assert names_in(up)


def test_columns_are_remembered_for_whoever_chose_them_and_the_file_has_the_same(
    owner: FlaskClient, client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    other = make_user(db, tenant=seeded.tenant, permissions=["view_customers"], email="desk@example.net")
    db.commit()
    chosen = {"column": ["email", "balance", "nonsense"], "back": "/customers"}
    assert owner.post("/lists/customers/columns", data=chosen).status_code == 303
    page = owner.get("/customers").text
    assert 'data-label="E-mail"' in page
    assert 'data-label="Contact"' not in page
    assert 'data-label="E-mail"' not in client_of(other).get("/customers").text
    head = owner.get("/lists/customers/export.csv?q=budi").data.decode("utf-8-sig").splitlines()
    assert head[0] == "Customer,E-mail,Balance"
    assert len(head) == 2


def test_a_view_is_kept_offered_and_forgotten(owner: FlaskClient, db: Session) -> None:
    query = query_of([("online", "yes"), ("city", "Bandung"), ("page", "3")])
    answer = owner.post("/lists/customers/views", data={"name": "Bandung online", "query": query})
    assert answer.headers["Location"] == "/customers?city=Bandung&online=yes"
    page = owner.get(answer.headers["Location"]).text
    assert 'aria-current="page">Bandung online' in page
    view = db.scalars(select(SavedView)).one()
    assert (view.query, view.is_shared) == ("city=Bandung&online=yes", False)
    owner.post(f"/lists/customers/views/{view.id}/remove")
    assert (
        "Bandung online" not in owner.get("/customers", follow_redirects=True).text.partition('class="views"')[2][:2000]
    )


def test_a_shared_view_is_everybodys_and_only_whoever_may_can_share_or_take_it(
    owner: FlaskClient, client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    desk = make_user(db, tenant=seeded.tenant, permissions=["view_customers"], email="desk@example.net")
    stranger = make_user(
        db, tenant=make_tenant(db, name="Other"), permissions=sorted(PERMISSIONS), email="stranger@example.net"
    )
    db.commit()
    owner.post("/lists/customers/views", data={"name": "Ours", "query": "online=yes&status=active", "shared": "yes"})
    of_desk = client_of(desk)
    of_desk.post("/lists/customers/views", data={"name": "Mine", "query": "city=Cimahi", "shared": "yes"})
    assert "Ours" in of_desk.get("/customers").text
    assert ">Ours" not in client_of(stranger).get("/customers").text
    assert ">Mine" not in owner.get("/customers").text
    shared = db.scalars(select(SavedView).where(SavedView.name == "Ours")).one()
    of_desk.post(f"/lists/customers/views/{shared.id}/remove")
    assert db.scalars(select(SavedView.name).order_by(SavedView.name)).all() == ["Mine", "Ours"]
    assert client_of(stranger).post(f"/lists/customers/views/{shared.id}/remove").status_code in (303, 404)
    assert "view.shared" in db.scalars(select(AuditLog.action)).all()


def test_who_may_not_see_or_take_a_list_gets_nothing_of_it(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    nobody = make_user(db, tenant=seeded.tenant, permissions=["view_plans"], email="nobody@example.net")
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"], email="viewer@example.net")
    db.commit()
    for path in ("/lists/customers/columns", "/lists/customers/views"):
        assert client_of(nobody).post(path, data={"query": ""}).status_code == 403
    assert client_of(nobody).get("/lists/customers/export.csv").status_code == 403
    assert client_of(viewer).get("/lists/customers/export.csv").status_code == 403
    assert client_of(viewer).get("/lists/nothing/export.csv").status_code == 404


def test_subscriptions_are_narrowed_to_those_online_or_slowed_down(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    assert "budi01" in owner.get("/subscriptions?online=yes").text
    assert "budi01" not in names_in(owner.get("/subscriptions?online=no").text)
    assert names_in(owner.get("/subscriptions?fup=yes").text) == ["budi01"]
    db.get_one(SubscriptionFupState, seeded.service.id).tier = 0
    db.commit()
    assert names_in(owner.get("/subscriptions?fup=yes").text) == []
    on_router = {
        row.id: names_in(owner.get(f"/subscriptions?online=yes&router={row.id}").text) for row in seeded.routers
    }
    assert "budi01" in on_router[seeded.routers[0].id]
    assert "budi01" not in on_router[seeded.routers[1].id]


def test_what_an_action_on_many_would_do_is_told_before(owner: FlaskClient, seeded: Seeded) -> None:
    marked = {"action": "suspend", "customer_id": [str(row.id) for row in seeded.customers]}
    page = " ".join(owner.post("/customers/many", data=marked).text.split())
    assert "For 8 marked customers." in page
    assert '<dt>Would change</dt><dd class="figure-value">7</dd>' in page
    assert "stay as they are" in page
    narrowed = owner.post("/customers/many?online=yes", data={"action": "suspend", "all": "yes"}).text
    assert "on all pages" in narrowed
    assert "walled garden at once" in narrowed


def test_marked_vouchers_are_disabled_and_given_back_together(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    plan = seeded.plans[3].id
    actor, now = Actor.of_user(seeded.owner), datetime.now(UTC)
    made = vouchers.create(db, actor=actor, now=now, count=4, service_plan_id=plan, validity_s=86_400, batch="Daily")
    db.commit()
    marked = [str(row.id) for row in made[:3]]
    for action, states in (("disable", ["disabled"] * 3 + ["unused"]), ("enable", ["unused"] * 4)):
        answer = owner.post("/vouchers/many", data={"voucher_id": [*marked, "x"], "action": action})
        assert answer.status_code == 303
        db.expire_all()
        assert db.scalars(select(Voucher.state).order_by(Voucher.state, Voucher.id)).all() == states
    assert owner.post("/vouchers/many", data={"voucher_id": "999999", "action": "disable"}).status_code == 404


@pytest.mark.parametrize(
    ("pairs", "query"),
    [
        ([("b", "2"), ("a", "1")], "a=1&b=2"),
        ([("page", "2"), ("q", "")], ""),
        ([("q", "a b&c"), ("follow", "1-2")], "q=a+b%26c"),
    ],
)
def test_a_view_is_the_same_however_its_address_was_written(pairs: list[tuple[str, str]], query: str) -> None:
    assert query_of(pairs) == query
    assert is_query(query)
    assert not is_query("b=2&a=1")
    assert not is_query("page=2")
