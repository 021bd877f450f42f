"""A customer's photo and identity card in the panel."""

import io
from collections.abc import Callable

from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.permissions import ROLES
from db.models import AuditLog, Customer, CustomerPicture, User
from factories import make_customer, make_user


def picture() -> tuple[io.BytesIO, str]:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), (10, 90, 40)).save(out, "PNG")
    return io.BytesIO(out.getvalue()), "me.png"


def customer(db: Session, seeded: Seeded) -> Customer:
    row = make_customer(db, tenant_id=seeded.owner.tenant_id, name="Siti Rahayu")
    db.commit()
    return row


def test_initials_stand_for_who_has_no_photo_and_a_photo_takes_their_place(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    url = f"/customers/{customer(db, seeded).id}"
    before = owner.get(url).get_data(as_text=True)
    kept = owner.post(f"{url}/photo", data={"file": picture()}, follow_redirects=True).get_data(as_text=True)
    after = owner.get(f"{url}/record").get_data(as_text=True)

    assert '<span class="portrait" aria-hidden="true">SR</span>' in before
    assert "The picture is kept." in kept
    assert f'src="{url}/photo?size=small"' in after
    assert ">SR<" not in after
    assert owner.get(f"{url}/photo?size=small").mimetype == "image/jpeg"
    gone = owner.post(f"{url}/photo", data={"do": "remove"}, follow_redirects=True).get_data(as_text=True)
    assert "The picture was removed." in gone
    assert owner.get(f"{url}/photo").status_code == 404


def test_what_is_no_picture_is_said_and_not_kept(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    url = f"/customers/{customer(db, seeded).id}"

    text = owner.post(f"{url}/photo", data={"file": (io.BytesIO(b"MZ"), "virus.png")}, follow_redirects=True).get_data(
        as_text=True
    )

    assert "Is no PNG, JPEG or WebP picture" in text
    assert db.scalars(select(CustomerPicture)).all() == []


def test_an_identity_card_is_shown_only_to_who_may_see_it(
    owner: FlaskClient, client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    row = customer(db, seeded)
    clerk = make_user(db, tenant_id=seeded.owner.tenant_id, permissions=sorted(ROLES["operator"][1]))
    db.commit()
    desk, url = client_of(clerk), f"/customers/{row.id}"

    assert desk.post(f"{url}/id-card-picture", data={"file": picture()}).status_code == 303
    page = desk.get(f"{url}/edit").get_data(as_text=True)
    assert "To see it takes a permission of its own." in page
    assert desk.get(f"{url}/id-card-picture").status_code == 403
    assert f"{url}/id-card-picture" in owner.get(f"{url}/record").get_data(as_text=True)
    assert owner.get(f"{url}/id-card-picture").mimetype == "image/jpeg"
    assert "customer.id_card_picture_shown" in set(db.scalars(select(AuditLog.action)))
