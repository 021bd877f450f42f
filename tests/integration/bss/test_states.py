"""Whatever staff do in whatever order, the states are those of the table in the requirements, and no others."""

from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bss import customers, subscriptions
from bss.actor import Actor
from bss.failure import Conflict
from db.models import AuditLog, NasServer, SessionChange
from domain.lifecycle import IllegalMove
from factories import make_customer, make_plan, make_session, make_subscription

VERBS = {
    "activate": subscriptions.activate,
    "suspend": subscriptions.suspend,
    "disable": subscriptions.disable,
    "cancel": subscriptions.cancel,
    "terminate": subscriptions.terminate,
}
LEADS_TO = {
    "activate": "active",
    "suspend": "suspended",
    "disable": "disabled",
    "cancel": "cancelled",
    "terminate": "terminated",
}
MAY = {
    "pending": {"activate", "cancel", "terminate"},
    "active": {"suspend", "disable", "cancel", "terminate"},
    "suspended": {"activate", "disable", "cancel", "terminate"},
    "disabled": {"activate", "terminate"},
    "cancelled": {"terminate"},
    "terminated": set(),
}


class Truth:
    """The requirements, written down a second time."""

    def __init__(self) -> None:
        self.customer, self.by_hand = "prospect", False
        self.subscriptions = ["pending", "pending"]

    def subscription(self, position: int, verb: str) -> bool:
        state = self.subscriptions[position]
        if verb not in MAY[state] or (verb == "activate" and self.customer == "suspended" and self.by_hand):
            return False
        self.subscriptions[position] = LEADS_TO[verb]
        self._roll_up()
        return True

    def whole_customer(self, verb: str) -> bool:
        allowed = {"suspend": {"active"}, "activate": {"prospect", "suspended"}}
        if self.customer not in allowed[verb]:
            return False
        self.customer, self.by_hand = LEADS_TO[verb], verb == "suspend"
        return True

    def _roll_up(self) -> None:
        if self.customer == "suspended" and self.by_hand:
            return
        if "active" in self.subscriptions:
            self.customer = "active"
        elif self.customer == "active" and set(self.subscriptions) <= {"cancelled", "terminated"}:
            self.customer, self.by_hand = "suspended", False


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([0, 1]), st.sampled_from(sorted(VERBS))),
        st.tuples(st.none(), st.sampled_from(["suspend", "activate"])),
    ),
    max_size=10,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=steps)
def test_any_sequence_of_verbs_keeps_the_states_true(
    db: Session, actor: Actor, router: NasServer, now: datetime, steps: list[tuple[int | None, str]]
) -> None:
    truth = Truth()
    customer = make_customer(db, tenant_id=actor.tenant_id, status="prospect")
    plan = make_plan(db, tenant_id=actor.tenant_id)
    owned = [make_subscription(db, customer=customer, plan=plan, status="pending") for _ in range(2)]
    make_session(db, owned[0], router)

    for position, verb in steps:
        before = written(db)
        if position is None:
            expected = truth.whole_customer(verb)
            use_case = customers.suspend if verb == "suspend" else customers.activate
            done = attempt(lambda: use_case(db, actor=actor, now=now, customer_id=customer.id))  # noqa: B023
        else:
            expected = truth.subscription(position, verb)
            done = attempt(
                lambda: VERBS[verb](db, actor=actor, now=now, subscription_id=owned[position].id)  # noqa: B023
            )

        assert done == expected
        assert (customer.status, [row.status for row in owned]) == (truth.customer, truth.subscriptions)
        assert expected or written(db) == before


def attempt(call: object) -> bool:
    try:
        call()
    except (IllegalMove, Conflict):
        return False
    return True


def written(db: Session) -> tuple[int, int]:
    return (
        db.scalar(select(func.count()).select_from(AuditLog)) or 0,
        db.scalar(select(func.count()).select_from(SessionChange)) or 0,
    )
