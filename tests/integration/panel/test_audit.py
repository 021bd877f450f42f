"""The audit log in the panel: who did what to what, what it was and became in words, and whether it is whole."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import audit
from bss.actor import Actor
from bss.audit_checks import JOB
from db.models import JobRun, User
from factories import make_tenant, make_user

BROKEN = "BrokenChainError: row 7 is not what was sealed as link 7"


def checked(db: Session, outcome: str, said: str = "", result: dict[str, Any] | None = None) -> None:
    now = datetime.now(UTC)
    db.add(JobRun(name=JOB, started_at=now, finished_at=now, outcome=outcome, said=said, result=result))
    db.commit()


@pytest.fixture
def neighbour(db: Session, seeded: Seeded) -> User:
    """An administrator of a provider that does not run the installation."""
    return make_user(db, tenant=make_tenant(db), roles=seeded.owner.roles)


def test_an_entry_is_found_by_who_what_when_and_to_what(owner: FlaskClient, seeded: Seeded) -> None:
    service = seeded.service.id
    for fits in ("actor=ratna", "action=subscription", f"kind=subscriptions&number={service}", "first=2020-01-01"):
        assert "Home 20" in owner.get(f"/audit?{fits}").text, fits
    for fits in ("actor=nobody", "action=invoice", "kind=invoices", f"number={service + 1}", "last=2020-01-01"):
        assert "Home 20" not in owner.get(f"/audit?first=2019-01-01&{fits}").text, fits


def test_what_changed_is_told_in_words_and_units(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    was = {"status": "active", "download_kbps": 10_000, "expires_at": "2026-11-30T17:00:00+00:00", "is_active": True}
    became = {"status": "suspended", "download_kbps": 2_000, "expires_at": None, "is_active": False, "odd_field": 3}
    actor = Actor.system(tenant_id=seeded.tenant.id, name="test")
    audit.record(
        db, actor=actor, now=datetime.now(UTC), action="subscription.updated", entity=seeded.service, old=was,
        new=became,
    )  # fmt: skip
    db.commit()

    page = owner.get("/audit?action=subscription.updated").text

    for words in ("Download", "10 Mbps", "2 Mbps", "Ends", "1 Dec 2026, 00:00:00", "suspended", "Odd field"):
        assert words in page, words
    assert "download_kbps" not in page


def test_the_page_tells_whether_the_log_is_as_it_was_written(owner: FlaskClient, db: Session) -> None:
    assert "the first check is still to come" in owner.get("/audit").text
    checked(db, "done", "links 48210", {"links": 48210, "waiting": 0})
    assert "48,210 links" in owner.get("/audit").text
    checked(db, "failed", BROKEN)
    page = owner.get("/audit").text

    assert "not as it was written" in page
    assert "row 7 is not what was sealed" in page
    checked(db, "failed", "OperationalError: the server is away")
    assert "could not be made" in owner.get("/audit").text


def test_what_is_wrong_is_told_to_those_who_run_the_installation(
    client_of: Callable[[User], FlaskClient], db: Session, neighbour: User
) -> None:
    checked(db, "failed", BROKEN)

    page = client_of(neighbour).get("/audit").text

    assert "Tell whoever runs this server" in page
    assert "row 7" not in page
    assert "/jobs/" not in page
