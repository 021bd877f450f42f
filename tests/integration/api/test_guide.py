"""The examples of docs/api.md: each call is answered, with every field that the page shows."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from bss.doctor import asking
from db.models import Subscription, Tenant
from domain.webhook import EVENTS, signature
from factories import make_customer, make_nas, make_session, make_subscription

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
PYTHON = [block for language, block in BLOCKS if language == "python"]
NOW = datetime.now(UTC)


def examples() -> Iterator[tuple[list[str], str]]:
    """Each call as a shell would read it, with the answer that is shown below it."""
    for _, block in BLOCKS:
        call, _, shown = block.strip().partition("\n\n")
        if "curl " in call:
            yield shlex.split(call[call.index("curl ") :].replace("\\\n", " ")), shown


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker asks the router here, so nobody needs to wait for it."""
    monkeypatch.setattr(asking, "WITHIN_S", 0.2)


@pytest.fixture
def andi(db: Session, tenant: Tenant) -> Subscription:
    customer = make_customer(db, tenant=tenant, name="Andi Wijaya")
    row = make_subscription(db, tenant=tenant, customer=customer, username="andi")
    make_session(db, row, make_nas(db, tenant=tenant, name="RB-Cempaka", last_seen_at=NOW))
    db.commit()
    return row


def test_every_example_works_and_answers_what_is_shown(client: FlaskClient, andi: Subscription) -> None:
    change, asked = 0, list(examples())

    for words, shown in asked:
        answer = call(client, words, {"subscriptions/3": andi.id, "session-changes/2": change}, andi)
        assert answer.status_code in (200, 201), (words, answer.json)
        ordered = answer.json.get("session_changes", {}).get("ids", [])
        change = ordered[0] if ordered else change
        assert set(re.findall(r'"(\w+)":', shown)) <= set(names(answer.json)), words
    assert len(asked) >= 6


def call(client: FlaskClient, words: list[str], rows: dict[str, int], andi: Subscription) -> Any:
    """Do what curl would do, with the rows of this test for those of the page."""
    options = dict(pairwise(words))
    address = next(word for word in words if word.startswith("$L")).replace("$L", "/api/v1")
    for named, row_id in rows.items():
        address = address.replace(named, f"{named.split('/')[0]}/{row_id}")
    headers = dict(word.split(": ", 1) for word in words if re.match(r"[A-Z][\w-]+: ", word))
    body = options.get("-d", "").replace('"customer_id":3', f'"customer_id":{andi.customer_id}')
    method = options.get("-X", "GET")
    return client.open(address, method=method, headers=headers, data=body or None)


def names(value: Any) -> Iterator[str]:
    """Every name of a field, however deep."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield name
            yield from names(below)
    elif isinstance(value, list):
        for one in value:
            yield from names(one)


def test_the_code_that_checks_a_signature_knows_ours_from_others() -> None:
    (code,) = (one for one in PYTHON if "def is_ours" in one)
    known: dict[str, Any] = {}
    exec(code, known)
    body, at = b'{"id":4}', int(datetime.now(UTC).timestamp())

    assert known["is_ours"]("whsec_a", signature("whsec_a", body=body, at=at), body)
    assert not known["is_ours"]("whsec_b", signature("whsec_a", body=body, at=at), body)
    assert not known["is_ours"]("whsec_a", signature("whsec_a", body=body, at=at), body + b" ")
    assert not known["is_ours"]("whsec_a", signature("whsec_a", body=body, at=at - 301), body)


def test_the_events_that_are_named_can_be_told() -> None:
    assert set(re.findall(r'"([a-z_]+\.[a-z_]+)"', GUIDE)) - set(EVENTS) == set()


def test_the_client_has_the_methods_that_are_named(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json
    known = {
        one["operationId"].replace("-", "_")
        for item in document["paths"].values()
        for one in item.values()
        if "operationId" in one
    }

    assert set(re.findall(r"isp\.(\w+)[(,]", "".join(PYTHON))) - known == {"pages"}
