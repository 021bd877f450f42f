"""How long records are kept, over HTTP."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import User


def test_kept_months_are_read_and_changed_by_who_may(
    db: Session, admin: User, client_of: Callable[..., FlaskClient]
) -> None:
    client = client_of(admin)
    assert {row["months"] for row in client.get("/api/v1/retention").get_json()["items"]} == {None}
    changed = client.patch("/api/v1/retention/radacct", json={"months": 12})
    assert (changed.status_code, changed.get_json()["months"]) == (200, 12)
    assert client.patch("/api/v1/retention/radacct", json={"months": 0}).status_code == 422
    assert client.patch("/api/v1/retention/everything", json={"months": 1}).status_code == 404
    assert client.get("/api/v1/retention/due").get_json()["items"] == []
    assert client.get("/api/v1/retention/archives").get_json()["items"] == []
    assert client_of(admin, "view_customers").get("/api/v1/retention").status_code == 403
