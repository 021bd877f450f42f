"""Photos and identity cards over HTTP: what is kept of an upload, who may see it, and that looking is written down."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from bss.permissions import FOR_OPERATORS, ROLES
from db.models import AuditLog, Customer, CustomerPicture, Tenant, User
from factories import make_customer, make_tenant, make_user

API = "/api/v1"
HIDDEN = b"GPS 6.2 South <script>alert(1)</script>"


def picture(form: str = "JPEG", size: tuple[int, int] = (1200, 900), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, form, **more)
    return out.getvalue()


def sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = HIDDEN.decode()
    return picture(exif=exif) + HIDDEN


def put(client: FlaskClient, customer: Customer, content: bytes, what: str = "photo") -> Any:
    # Built here: the client would leave a large one in a temporary file.
    boundary, body = encode_multipart({"file": FileStorage(io.BytesIO(content), "x.php", name="file")})
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post(f"{API}/customers/{customer.id}/{what}", data=body, content_type=kind)


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    row = make_customer(db, tenant=tenant)
    db.commit()
    return row


def test_a_photo_is_kept_upright_and_small_and_without_anything_besides(
    client: FlaskClient, customer: Customer, db: Session
) -> None:
    before = client.get(f"{API}/customers/{customer.id}").json
    answer = put(client, customer, sideways())
    full = client.get(f"{API}/customers/{customer.id}/photo")
    small = client.get(f"{API}/customers/{customer.id}/photo?size=small")

    assert before is not None
    assert before["has_photo"] is False
    assert answer.status_code == 200, answer.json
    assert answer.json["has_photo"] is True
    assert (client.get(f"{API}/customers").json or {})["items"][0]["has_photo"] is True
    assert (full.mimetype, full.headers["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert Image.open(io.BytesIO(full.data)).size == (384, 512)
    assert Image.open(io.BytesIO(small.data)).size == (96, 96)
    assert not Image.open(io.BytesIO(full.data)).getexif()
    assert HIDDEN not in full.data
    kept = db.execute(text("SELECT content_enc, thumbnail_enc FROM customer_pictures")).one()
    assert not any(bytes(one).startswith(b"\xff\xd8") for one in kept)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_new_photo_takes_the_place_of_the_one_before(
    client: FlaskClient, customer: Customer, db: Session, form: str
) -> None:
    put(client, customer, picture())
    put(client, customer, picture(form, (50, 40)))

    shown = client.get(f"{API}/customers/{customer.id}/photo").data
    assert Image.open(io.BytesIO(shown)).size == (50, 40)
    assert len(db.scalars(select(CustomerPicture)).all()) == 1
    assert client.delete(f"{API}/customers/{customer.id}/photo").status_code == 204
    assert client.get(f"{API}/customers/{customer.id}/photo").status_code == 404
    assert client.delete(f"{API}/customers/{customer.id}/photo").status_code == 404


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "is no PNG"),
        (b"%PDF-1.7", "is no PNG"),
        (picture()[:300], "cannot be read"),
        (picture("PNG", (6000, 5000)), "million points"),
        (b"\xff\xd8" + b"x" * 8_000_001, "is larger than 8 MB"),
        (b"", "is no PNG"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(
    client: FlaskClient, customer: Customer, db: Session, content: bytes, reason: str
) -> None:
    answer = put(client, customer, content)

    assert answer.status_code == 422, answer.json
    assert reason in answer.json["errors"][0]["reason"]
    assert answer.json["errors"][0]["field"] == "file"
    assert db.scalars(select(CustomerPicture)).all() == []


def test_a_telephones_picture_is_larger_than_other_requests_may_be(client: FlaskClient, customer: Customer) -> None:
    noise = Image.effect_noise((2600, 2000), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=95)

    assert len(out.getvalue()) > 3_000_000
    assert put(client, customer, out.getvalue()).status_code == 200
    assert put(client, customer, b"x" * 9_000_000).status_code == 413


def test_an_identity_card_is_seen_with_its_own_permission_and_looking_is_written_down(
    client: FlaskClient, client_of: Callable[..., FlaskClient], customer: Customer, admin: User, db: Session
) -> None:
    clerk = client_of(admin, "view_customers", "edit_customers")
    kept = put(clerk, customer, picture(size=(3000, 2000)), "id-card-picture")
    refused = clerk.get(f"{API}/customers/{customer.id}/id-card-picture")
    shown = client.get(f"{API}/customers/{customer.id}/id-card-picture")

    assert (kept.status_code, refused.status_code, shown.status_code) == (200, 403, 200)
    assert kept.json["has_id_card_picture"] is True
    assert Image.open(io.BytesIO(shown.data)).size == (1600, 1067)
    assert list(
        db.scalars(select(AuditLog.action).where(AuditLog.customer_id == customer.id).order_by(AuditLog.id))
    ) == [
        "customer.id_card_added",
        "customer.id_card_picture_shown",
    ]
    assert "view_id_cards" in FOR_OPERATORS
    assert [name for name, (_, codes) in ROLES.items() if "view_id_cards" in codes] == ["admin"]


def test_the_pictures_of_another_provider_are_not_there(client: FlaskClient, db: Session) -> None:
    foreign = make_customer(db, tenant=make_tenant(db))
    make_user(db, tenant_id=foreign.tenant_id)
    db.commit()

    assert put(client, foreign, picture()).status_code == 404
    for what in ("photo", "id-card-picture"):
        assert client.get(f"{API}/customers/{foreign.id}/{what}").status_code == 404
