"""How long records are kept, over HTTP."""

from collections.abc import Callable
from datetime import date

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import PartitionArchive, User


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


def test_a_month_is_asked_back_and_followed(db: Session, admin: User, client_of: Callable[..., FlaskClient]) -> None:
    client, path = client_of(admin), "/api/v1/retention/archives/radacct_2024_01"
    row = {"parent": "radacct", "month": date(2024, 1, 1), "node": "node9", "file": "f", "rows": 4, "file_bytes": 9}
    db.add(PartitionArchive(name="radacct_2024_01", state="dropped", **row))
    db.add(PartitionArchive(name="radacct_2024_02", state="detached", **row | {"month": date(2024, 2, 1)}))
    db.commit()

    asked = client.post(f"{path}/restore")
    again = client.post(f"{path}/restore")
    found = client.get(path).get_json()
    too_early = client.post("/api/v1/retention/archives/radacct_2024_02/restore")

    assert (asked.status_code, again.status_code) == (202, 202)
    assert (found["state"], found["rows_back"], found["rows"], found["problem"]) == ("dropped", 0, 4, None)
    assert asked.get_json()["asked_at"] == again.get_json()["asked_at"] == found["asked_at"] is not None
    assert too_early.status_code == 409
    assert "cannot become restored" in str(too_early.get_json())
    assert client.post("/api/v1/retention/archives/radacct_1999_01/restore").status_code == 404
    assert client.get("/api/v1/retention/archives/x").status_code == 404
    assert client_of(admin, "view_nas").post(f"{path}/restore").status_code == 403
