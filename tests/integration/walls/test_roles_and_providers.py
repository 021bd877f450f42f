"""Two providers, four roles, every call of panel and API: what is another's is not there, and is not changed."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import tokens
from bss.actor import Actor
from bss.permissions import FOR_OPERATORS, OF_INSTALLATION, ROLES
from bss.setup import ensure_roles
from db import scope
from db.models import Operator, Passkey, SavedView, StaffSession, User
from everything import OPERATORS, Everything
from factories import PASSWORD, make_tenant, make_user
from integration.walls.matrix import API, NAMED_BY, Call, Rewound, calls_of, read, send
from runtime.settings import Settings
from webadmin.app import create_app
from webadmin.permissions import SIGNED_IN

PROVIDERS = ("a", "b")
OF_OPERATORS = ("operator", "sub_operator")
# What belongs to a person and not to a provider: a colleague's is as foreign as anybody's.
PERSONAL = frozenset({"api_tokens", "own_sessions", "passkeys", "saved_views"})
# These ask a gateway on the internet about what is one's own; what is another's is asked about nowhere.
ASKS_OUTSIDE = re.compile(r"gateways/<[^>]+>/test$|(payment-orders|online-payments)/<[^>]+>/|parked.*(give-back|_id>)$")
# Whoever follows the removal of a router is told that it is gone when there is none of his.
ANSWERS_ALIKE = {"GET /routers/<int:nas_id>/removal": 200}

# What these name is looked for later, one by one, with the rights of whoever asked; one that is not there is told then.
LOOKED_FOR_LATER = {f"POST {API}customers/bulk", f"POST {API}customers/registrations"}
# What a view asks for beside the permission of its route, by what it is sent.
NEEDS_TOO = {
    "POST /customer-jobs/<int:job_id>/stop": "act_on_many",
    "GET /lists/<key>/export.<any(csv, xlsx):kind>": "export_customers",
}
# What operators' staff may open but find nothing in, for it is about customers of all operators.
SHARED = {model.__tablename__ for model in scope.SHARED} | {"own_sessions"}
# A customer may be meant for an operator whom one does not see otherwise: here the others are named.
NAMES_OPERATORS = "/customers/<int:customer_id>/transfer"
# A month of an archive that nobody has put away.
MISSING = re.compile(r"/retention/(archives|months)/<")


@dataclass(frozen=True, kw_only=True)
class House:
    """A provider: his staff by role, and the rows of three operators, one below another."""

    staff: dict[str, User]
    above: Everything
    mine: Everything
    beside: Everything


@pytest.fixture
def houses(db: Session, keys_file: object) -> dict[str, House]:
    made = {name: _house(db, name) for name in PROVIDERS}
    db.commit()
    return made


def _house(db: Session, name: str) -> House:
    tenant = make_tenant(db)
    above = _operator(db, tenant.id, f"qx{name}-above operator", None)
    mine = _operator(db, tenant.id, f"qx{name}-mine operator", above.id)
    beside = _operator(db, tenant.id, f"qx{name}-beside operator", None)
    roles = {role.name: role for role in ensure_roles(db)}
    places = {"operator": above.id, "sub_operator": mine.id}
    rows: dict[str, Everything] = {}
    for where, operator in (("mine", mine), ("above", above), ("beside", beside)):
        marks = {"mark": f"qx{name}-{where}", "house_mark": f"qx{name}-house"}
        rows[where] = Everything(db, operator=operator, beside=rows.get("mine"), **marks)
    staff = {
        role: make_user(db, tenant=tenant, roles=[roles[role]], operator_id=places.get(role), name=f"qx{name}-{role}")
        for role in ROLES
    }
    for everything in rows.values():
        everything.rows["own_sessions"] = everything.rows["staff_sessions"]
    return House(staff=staff, **rows)


def _operator(db: Session, tenant_id: int, name: str, parent_id: int | None) -> Operator:
    row = Operator(tenant_id=tenant_id, name=name, level=2 if parent_id else 1, parent_operator_id=parent_id)
    db.add(row)
    db.flush()
    return row


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    # Nobody waits here: an open answer tells everything once, and a router that answers nobody is not waited for.
    monkeypatch.setattr("webadmin.panel.live.LONGEST_S", 0.0)
    monkeypatch.setattr("bss.doctor.asking.WITHIN_S", 0.0)
    application = create_app(settings, WTF_CSRF_ENABLED=False, RATE_LIMITS_ENABLED=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def calls(app: Flask) -> list[Call]:
    document = json.loads(app.test_client().get("/api/v1/openapi.json").data)
    return list(calls_of(app, document))


@dataclass(frozen=True, kw_only=True)
class Person:
    """A member of staff at the panel and, by token, at the API."""

    user: User
    role: str
    granted: frozenset[str]
    panel: FlaskClient
    api: FlaskClient
    # What is his alone, by table.
    own: dict[str, Any]


def person(app: Flask, db: Session, houses: dict[str, House], provider: str, role: str) -> Person:
    """Signed in, with things of the person's own; whoever is an operator's staff holds nothing of the provider's."""
    user = houses[provider].staff[role]
    granted = ROLES[role][1] - (OF_INSTALLATION if provider != PROVIDERS[0] else frozenset())
    if role in OF_OPERATORS:
        granted &= FOR_OPERATORS
    issued = tokens.create(
        db, actor=Actor.system(tenant_id=user.tenant_id, name="t"), now=datetime.now(UTC), user_id=user.id, name="t",
        scopes=sorted(granted),
    )  # fmt: skip
    db.commit()
    panel, api = app.test_client(), app.test_client()
    assert panel.post("/login", data={"email": user.email, "password": PASSWORD}).status_code == 302
    api.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issued.secret}"
    # Whoever has a passkey is asked for it at the door.
    passkey = Passkey(
        user_id=user.id, tenant_id=user.tenant_id, name="t", credential_id=b"t%d" % user.id, public_key=b"t"
    )
    view = SavedView(user_id=user.id, tenant_id=user.tenant_id, list_key="customers", name="t", query="status=active")
    db.add_all([passkey, view])
    db.commit()
    session = db.scalars(select(StaffSession).where(StaffSession.user_id == user.id)).one()
    db.commit()
    own = {"api_tokens": issued.row, "passkeys": passkey, "saved_views": view, "own_sessions": session}
    return Person(user=user, role=role, granted=granted, panel=panel, api=api, own=own)


class Rows:
    """What the calls name: rows of one's own, some of another's."""

    def __init__(self, who: Person, rows: Everything, other: Everything | None = None) -> None:
        self._who, self._rows, self._other = who, rows, other

    def of_table(self, table: str) -> Any:
        """What names one's own row of a table."""
        return _name(table, self._who.own.get(table) or self._rows.rows[table])

    def anothers(self, table: str) -> Any:
        """What names another's row of a table."""
        assert self._other is not None
        return _name(table, self._other.rows[table])

    def of_arguments(self, call: Call, foreign: str = "") -> Callable[[str], Any]:
        """What each argument of a call is; the one that is named, or each for "*", is another's."""
        tables = dict(call.names)

        def of(argument: str) -> Any:
            is_foreign = foreign in ("*", argument)
            return self.anothers(tables[argument]) if is_foreign else self.of_table(tables[argument])

        return of


def _name(table: str, row: Any) -> Any:
    return getattr(row, NAMED_BY.get(table, "id"))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_anothers_is_neither_shown_nor_changed(
    app: Flask, db: Session, houses: dict[str, House], calls: list[Call], role: str
) -> None:
    staff = {provider: person(app, db, houses, provider, role) for provider in PROVIDERS}
    faults, count = [], 0
    with app.extensions["lintas_engine"].connect() as connection:
        for provider, who in staff.items():
            trial = Trial(who, Rewound(app, connection), unseen(provider, role))
            # One's own is alike in both houses: in the second only lists, and what is the first one's, are tried.
            is_whole = provider == PROVIDERS[0]
            stranger = next(house for name, house in houses.items() if name != provider)
            for call in calls:
                try_call(trial, call, houses[provider], stranger, is_whole=is_whole)
            faults += trial.faults
            count += trial.count
    assert faults == []
    assert count > 2 * len(calls)


def try_call(trial: "Trial", call: Call, house: House, stranger: House, *, is_whole: bool) -> None:
    """The call about all that it could be about."""
    who = trial.who
    others = [Rows(who, house.mine, other) for other in foreign(house, stranger, who.role)]
    if not {call.need, NEEDS_TOO.get(f"{call.method} {call.rule}", SIGNED_IN)} <= {SIGNED_IN, *who.granted}:
        trial.refused(call, others[0], foreign="*", status=403)
        if is_whole and call.names:
            trial.refused(call, others[0], foreign="", status=403)
        return
    if (is_whole or not call.names) and not ASKS_OUTSIDE.search(call.rule):
        trial.allowed(call, others[0])
    for rows in others if is_whole else others[:1]:
        try_anothers(trial, call, rows, is_strangers=rows is others[0])


def try_anothers(trial: "Trial", call: Call, rows: Rows, *, is_strangers: bool) -> None:
    """Another's row is not there, wherever the call names it: in its address, its body or its query."""
    for argument, table in call.names:
        if is_strangers or table in OPERATORS | PERSONAL:
            trial.refused(call, rows, foreign=argument, status=404)
    for field, named in call.references if call.is_api else ():
        table = (named[0] if isinstance(named, list) else named).table
        if is_strangers or table in OPERATORS:
            trial.refers(call, rows, field, table, is_list=isinstance(named, list))


def foreign(house: House, stranger: House, role: str) -> list[Everything]:
    """Whose rows the role must not reach: first another provider's, then another operator's."""
    own = {"operator": [house.beside], "sub_operator": [house.above]}.get(role, [])
    return [stranger.mine, *own]


def unseen(provider: str, role: str) -> list[bytes]:
    """The marks that must be in no answer."""
    hidden = {"operator": ["beside"], "sub_operator": ["beside", "above"]}.get(role, [])
    strangers = [f"qx{name}-" for name in PROVIDERS if name != provider]
    return [mark.encode() for mark in [*strangers, *(f"qx{provider}-{where}" for where in hidden)]]


class Trial:
    """Calls of one person, and what was wrong with them."""

    def __init__(self, who: Person, rewound: Rewound, marks: list[bytes]) -> None:
        self.faults: list[str] = []
        self.count = 0
        self.who, self._rewound, self._marks = who, rewound, marks

    def refused(self, call: Call, rows: Rows, *, foreign: str, status: int) -> None:
        """The call answers so, tells nothing, and changes nothing."""
        with self._rewound.call():
            address = call.address(rows.of_arguments(call, foreign))
            answer = self._made(call, address, rows)
            if answer not in (status, ANSWERS_ALIKE.get(f"{call.method} {call.rule}", status)):
                self._note(call, address, f"answered {answer} and not {status}")
            if changed := self._rewound.changed():
                self._note(call, address, f"was refused and changed {', '.join(changed)}")

    def allowed(self, call: Call, rows: Rows) -> None:
        """The call is not refused; whatever it does, no row comes to name another provider's."""
        with self._rewound.call():
            address = call.address(rows.of_arguments(call))
            answer = self._made(call, address, rows)
            is_hidden = self.who.role in OF_OPERATORS and not {table for _, table in call.names} <= OPERATORS | SHARED
            is_missing = answer == 404 and (is_hidden or MISSING.search(call.rule) is not None)
            if (answer in (401, 403, 404, 405) and not is_missing) or answer >= 500:
                self._note(call, address, f"answered {answer} about what is one's own")
            if strays := self._rewound.strays():
                self._note(call, address, f"made {', '.join(strays)} name another provider's")

    def refers(self, call: Call, rows: Rows, field: str, table: str, *, is_list: bool) -> None:
        """A call about one's own that names another's row beside it: that row does not exist."""
        named = rows.anothers(table)
        with self._rewound.call():
            address = call.address(rows.of_arguments(call))
            answer = self._made(call.referring(field, [named] if is_list else named), address, rows)
            is_taken = answer < 400 and call.method != "GET" and f"{call.method} {call.rule}" not in LOOKED_FOR_LATER
            if answer >= 500 or is_taken:
                self._note(call, address, f"answered {answer} with another's {field}")
            if answer >= 400 and (changed := self._rewound.changed()):
                self._note(call, address, f"was refused for {field} and changed {', '.join(changed)}")
            if strays := self._rewound.strays():
                self._note(call, address, f"made {', '.join(strays)} name another provider's")

    def _made(self, call: Call, address: str, rows: Rows) -> int:
        self.count += 1
        client = self.who.api if call.is_api else self.who.panel
        answer = send(client, call, address, rows.of_table)
        body = read(answer).replace(address.lower().encode(), b"")
        if call.rule == NAMES_OPERATORS:
            body = re.sub(rb"qx.-[a-z]+ operator", b"", body)
        seen = [mark.decode() for mark in self._marks if mark in body]
        if seen:
            self._note(call, address, f"shows {', '.join(seen)}")
        return answer.status_code

    def _note(self, call: Call, address: str, said: str) -> None:
        self.faults.append(f"{call.method} {address} ({call.rule}, {call.need}) {said}")
