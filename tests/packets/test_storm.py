"""After a power cut all customers of several routers dial at the same moment, and every one of them gets in.

`make storm` does the same with twenty thousand; here as many ask as a test has time for.
"""

from pathlib import Path

import pytest

from benchmarks.storm import Dialler, Storm, StormResult, Where
from db.models import Subscription
from factories import make_customer, make_nas, make_plan, make_session
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from runtime.freeradius import LOGIN, PACKET_BYTES

CUSTOMERS = 2_000
ROUTERS = 8
RECEIVE_LIMIT = Path("/proc/sys/net/core/rmem_max")
# The server's memory is filled with this cursor when it starts.
FILLING = "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()"

pytestmark = pytest.mark.skipif(
    RECEIVE_LIMIT.exists() and 2 * int(RECEIVE_LIMIT.read_text()) < CUSTOMERS * PACKET_BYTES,
    reason="the kernel keeps too few packets; 'lintas doctor' says how to change that",
)


def address_of(number: int) -> str:
    return f"127.2.0.{number % ROUTERS + 1}"


@pytest.fixture(scope="module")
def customers(stack: RadiusStack) -> list[Dialler]:
    """Subscribers that may be online once, each with the session that the power cut ended still open."""
    with stack.sessions() as db:
        routers = [make_nas(db, host=address_of(number), radius_secret=SECRET) for number in range(ROUTERS)]
        customer, plan = make_customer(db), make_plan(db)
        rows = [
            Subscription(
                tenant_id=plan.tenant_id,
                customer=customer,
                plan=plan,
                subscription_code=f"SUB-{number}",
                username=f"dialler{number}",
                service_password=f"pw{number}",
                status="active",
            )
            for number in range(CUSTOMERS)
        ]
        db.add_all(rows)
        db.flush()
        diallers = [
            Dialler(username=row.username, password=f"pw{number}", mac=mac_of(number), router=address_of(number))
            for number, row in enumerate(rows)
        ]
        for number, row in enumerate(rows):
            make_session(db, row, routers[number % ROUTERS], callingstationid=mac_of(number))
        db.commit()
    # The servers of the provider go on through a power cut at his customers, with all of them in memory.
    stack.kill(LOGIN)
    stack.start(LOGIN)
    wait_for(lambda: not stack.sql(FILLING, "%all_profiles%"), 30)
    return diallers


def mac_of(number: int) -> str:
    return f"02:00:{number >> 24 & 255:02X}:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}"


@pytest.fixture(scope="module")
def outcome(stack: RadiusStack, customers: list[Dialler]) -> StormResult:
    settings = stack.settings
    where = Where(auth_port=settings.radius_auth_port, acct_port=settings.radius_acct_port, secret=SECRET)
    return Storm(where, customers).run()


def test_everybody_is_online_and_nobody_was_refused(outcome: StormResult) -> None:
    assert outcome.refused == []
    assert outcome.given_up == [], "; ".join(outcome.lines())
    assert len(outcome.online_after_s) == CUSTOMERS
    assert outcome.forged == 0


def test_no_request_found_a_table_full(outcome: StormResult, stack: RadiusStack) -> None:
    said = stack.log().lower()

    assert "max_requests" not in said
    assert "queue is full" not in said
    assert "dropping" not in said
