"""Generated requests against the document: no server error, no answer that the document does not describe, no way in
without a token.

A short run is part of the suite and always the same. `make fuzz-api` goes on for minutes (FUZZ_API_S), every time with
other requests; what it finds is printed with the number of its round.
"""

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.orm import Session

from db.models import Tenant, User
from factories import make_customer, make_nas, make_nas_group, make_plan, make_session, make_subscription, make_user

log = logging.getLogger("contract")
API = "/api/v1"
FUZZ_S = float(os.environ.get("FUZZ_API_S", "0"))
EXAMPLES = 3 if not FUZZ_S else 6
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# These would end the run's own token.
LAST = ("DELETE", "deactivate", "erase", "anonymize", "terminate")
ENDS_ITSELF = f"{API}/me/token"
Ids = Mapping[str, Any]


@pytest.mark.timeout(FUZZ_S + 600)
def test_generated_requests_find_no_hole(
    app: Flask, db: Session, tenant: Tenant, admin: User, client: FlaskClient
) -> None:
    app.extensions["lintas_limiter"].enabled = False
    token = client.environ_base["HTTP_AUTHORIZATION"]
    schema = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", app)
    operations = sorted((one.ok() for one in schema.get_all_operations()), key=_order)
    begun, found, statuses = time.monotonic(), {}, Counter[int]()

    for number in count():
        ids = known(db, tenant, client)
        for operation in operations:
            try:
                call(operation, ids, token, admin.id, number, statuses)
            except (BaseExceptionGroup, AssertionError) as problem:
                found.setdefault(operation.label, f"round {number}: {_said(problem)}")
            assert client.get(f"{API}/me").status_code == 200, f"{operation.label} ended the run's own token"
        if time.monotonic() - begun >= FUZZ_S:
            break

    log.warning("%s rounds over %s operations in %.0f s", number + 1, len(operations), time.monotonic() - begun)
    log.warning("answers by status: %s", dict(statuses.most_common()))
    # Requests that are all refused find nothing.
    assert sum(number for status, number in statuses.items() if status < 300) > sum(statuses.values()) / 10
    assert found == {}, "\n\n".join(f"{label}\n{said}" for label, said in found.items())


def call(operation: Any, ids: Ids, token: str, own_id: int, number: int, statuses: Counter[int]) -> None:
    """A few requests to one operation, most of them about rows that there are."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), about_known=st.sampled_from((True, True, True, False)))
    def ask(case: Any, about_known: bool) -> None:
        if case.path == ENDS_ITSELF.removeprefix(API) or case.path.endswith("/me/token"):
            return
        if about_known:
            _name_known(case.path_parameters, ids)
            for part in (case.query, case.body):
                _name_known(part, {key: value for key, value in ids.items() if key.endswith("_id")})
        for part in (case.path_parameters, case.body):
            _spare(part, own_id)
        statuses[case.call_and_validate(headers={"Authorization": token}, checks=CHECKS).status_code] += 1

    ask()


def known(db: Session, tenant: Tenant, client: FlaskClient) -> Ids:
    """New rows of every kind, by the names under which paths and bodies ask for them."""
    customer, plan, group = make_customer(db, tenant=tenant), make_plan(db, tenant=tenant), make_nas_group(db)
    nas = make_nas(db, tenant=tenant)
    row = make_subscription(db, tenant=tenant, customer=customer, plan=plan)
    session = make_session(db, row, nas)
    user = make_user(db, tenant=tenant)
    db.commit()
    made = {
        "customer_id": customer.id, "plan_id": plan.id, "service_plan_id": plan.id, "group_id": group.id,
        "nas_id": nas.id, "nas_server_id": nas.id, "subscription_id": row.id, "session_id": session.acctuniqueid,
        "user_id": user.id, "tag": "kos", "name": "books-check",
    }  # fmt: skip
    name = f"n{customer.id}"
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "invoice_id": ("invoices", {"customer_id": customer.id, "items": [_line()]}),
        "payment_id": ("payments", {"customer_id": customer.id, "amount": "5000.00"}),
        "expense_id": ("expenses", {"category": "bandwidth", "amount": "1000.00", "description": name}),
        "operator_id": ("operators", {"name": name, "level": 10}),
        "family_id": ("families", {"name": name}),
        "role_id": ("roles", {"name": name, "permissions": ["view_plans"]}),
        "webhook_id": ("webhooks", {"name": name, "url": "https://hooks.example.net/", "events": ["invoice.paid"]}),
        "token_id": ("tokens", {"name": name, "scopes": ["view_plans"]}),
        "voucher_id": ("vouchers", {"count": 2, "credit": "5000.00", "batch": name}),
        "contact_id": (f"customers/{customer.id}/contacts", {"type": "phone", "value": "08123456789"}),
        "equipment_id": (f"customers/{customer.id}/equipment", {"device_name": name}),
        "mac_id": (f"subscriptions/{row.id}/macs", {"mac": "AA:BB:CC:00:00:01"}),
    }
    for key, (path, body) in bodies.items():
        answer = client.post(f"{API}/{path}", json=body)
        assert answer.status_code < 300, (path, answer.get_json())
        made[key] = _id_in(answer.get_json())
    made["batch_id"] = client.get(f"{API}/voucher-batches").get_json()["items"][0]["id"]
    made["delivery_id"] = client.post(f"{API}/webhooks/{made['webhook_id']}/ping").get_json()["id"]
    return made


def _line() -> dict[str, str]:
    return {"description": "Installation", "quantity": "1", "unit_price": "5000.00"}


def _id_in(answer: Any) -> Any:
    """The id of what was made, wherever the answer holds it."""
    if "id" in answer:
        return answer["id"]
    if "items" in answer:
        return answer["items"][0]["id"]
    return next(inner["id"] for inner in answer.values() if isinstance(inner, dict) and "id" in inner)


def _order(operation: Any) -> tuple[bool, str]:
    # What does away with rows comes after what needs them.
    return any(word in operation.label for word in LAST), operation.label


def _name_known(part: object, ids: Ids) -> None:
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ids and not isinstance(value, dict | list):
                part[key] = ids[key]
            else:
                _name_known(value, ids)
        # The version that was read is not known here.
        part.pop("version", None)
    elif isinstance(part, list):
        for one in part:
            _name_known(one, ids)


def _spare(part: object, own_id: int) -> None:
    """Nothing may take away from the run's own token."""
    if isinstance(part, dict):
        for name, forbidden in (("user_id", own_id), ("token_id", 1), ("role_id", 1)):
            if part.get(name) == forbidden:
                part[name] = 2**40


def _said(problem: BaseException) -> str:
    parts = [str(one) for one in _leaves(problem)]
    return "\n".join(parts)[:1500]


def _leaves(problem: BaseException) -> Iterator[BaseException]:
    if isinstance(problem, BaseExceptionGroup):
        for one in problem.exceptions:
            yield from _leaves(one)
    else:
        yield problem


def test_every_operation_is_closed_without_a_token_and_with_one_that_may_not(
    app: Flask, db: Session, tenant: Tenant, client_of: Callable[..., FlaskClient]
) -> None:
    document = app.test_client().get(f"{API}/openapi.json").get_json()
    app.extensions["lintas_limiter"].enabled = False
    nobody = app.test_client()
    poor = client_of(make_user(db, tenant=tenant, permissions=["view_plans"]))
    chance = random.Random(7)
    open_to_all, open_to_poor = [], []
    for path, item in document["paths"].items():
        address = "/".join(str(chance.randint(1, 9)) if "{" in one else one for one in path.split("/"))
        for method, operation in item.items():
            if method == "parameters":
                continue
            if nobody.open(address, method=method.upper(), json={}).status_code != 401:
                open_to_all.append(f"{method} {path}")
            needed = operation.get("x-permission")
            if needed not in (None, "view_plans") and poor.open(address, method=method.upper()).status_code != 403:
                open_to_poor.append(f"{method} {path}")

    assert open_to_all == []
    assert open_to_poor == []
