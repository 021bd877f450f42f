"""Memory and database agree: whoever changes a row, the next login knows; a router comes and goes without a restart."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from db.models import NasServer
from factories import make_nas, make_plan, make_subscription, make_tenant
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

Ask = Callable[..., LoginResult]


@pytest.fixture(scope="module")
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        db.commit()
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


@pytest.fixture
def customer(stack: RadiusStack, request: pytest.FixtureRequest) -> str:
    """A username whose login is in the server's memory."""
    with stack.sessions() as db:
        plan = make_plan(db, download_kbps=10_000, upload_kbps=5_000)
        username = make_subscription(db, plan=plan).username
        db.commit()
    return username


@pytest.fixture
def ask(router: SimulatedRouter) -> Ask:
    def login(username: str, *, mac: str = "02:00:00:00:00:01", password: str = "") -> LoginResult:
        return router.authenticate(
            Login(
                service=Service.PPPOE,
                username=username,
                password=password or f"pw-{username}",
                mac=mac,
                method=Method.PAP,
            )
        )

    return login


CHANGES = [
    ("suspended", "UPDATE subscriptions SET status = 'suspended' WHERE username = %s", None),
    (
        "given another plan speed",
        (
            "UPDATE service_plans SET download_kbps = 2000, upload_kbps = 1000"
            " WHERE id = (SELECT service_plan_id FROM subscriptions WHERE username = %s)"
        ),
        "1M/2M",
    ),
    (
        "given a speed of its own",
        (
            "INSERT INTO subscription_limits (subscription_id, download_kbps, upload_kbps)"
            " SELECT id, 3000, 3000 FROM subscriptions WHERE username = %s"
        ),
        "3M/3M",
    ),
    (
        "slowed by fair use",
        (
            "WITH s AS (SELECT id, tenant_id, service_plan_id FROM subscriptions WHERE username = %s), r AS ("
            " INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reduction_percent)"
            " SELECT tenant_id, service_plan_id, 1, 10, 50 FROM s)"
            " INSERT INTO subscription_fup_states (subscription_id, tier, window_end)"
            " SELECT id, 1, now() + interval '1 day' FROM s"
        ),
        "2500k/5M",
    ),
    (
        "blocked with its customer",
        (
            "UPDATE customers SET status = 'blacklisted'"
            " WHERE id = (SELECT customer_id FROM subscriptions WHERE username = %s)"
        ),
        None,
    ),
    ("expired", "UPDATE subscriptions SET expires_at = '2020-01-01' WHERE username = %s", None),
    ("deleted", "UPDATE subscriptions SET deleted_at = now() WHERE username = %s", None),
    (
        "bound to another device",
        (
            "WITH s AS (UPDATE subscriptions SET mac_binding = 'fixed' WHERE username = %s RETURNING id, tenant_id)"
            " INSERT INTO subscription_macs (tenant_id, subscription_id, mac) SELECT tenant_id, id, 'aa:aa:aa:aa:aa:aa'"
            " FROM s"
        ),
        None,
    ),
]


@pytest.mark.parametrize(("what", "statement", "rate"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_change_by_plain_sql_is_in_force_at_the_next_login(
    what: str, statement: str, rate: str | None, stack: RadiusStack, customer: str, ask: Ask
) -> None:
    assert ask(customer).first("Mikrotik-Rate-Limit") == "5M/10M"

    stack.sql(statement, customer)
    result = ask(customer)

    assert result.accepted is (rate is not None)
    assert result.first("Mikrotik-Rate-Limit") == rate


def test_a_change_back_is_in_force_too(stack: RadiusStack, customer: str, ask: Ask) -> None:
    assert ask(customer).accepted
    for _ in range(5):
        stack.sql("UPDATE subscriptions SET status = 'suspended' WHERE username = %s", customer)
        assert ask(customer).accepted is False
        stack.sql("UPDATE subscriptions SET status = 'active' WHERE username = %s", customer)
        assert ask(customer).accepted is True


def test_a_new_customer_who_tried_too_early_gets_in_once_he_exists(stack: RadiusStack, customer: str, ask: Ask) -> None:
    assert ask("early-bird").accepted is False

    stack.sql("UPDATE subscriptions SET username = 'early-bird' WHERE username = %s", customer)

    assert ask("early-bird", password=f"pw-{customer}").accepted is True
    assert ask(customer).accepted is False


def test_one_statement_over_many_rows_reaches_every_one_of_them(stack: RadiusStack, ask: Ask) -> None:
    with stack.sessions() as db:
        plan = make_plan(db)
        names = [make_subscription(db, plan=plan).username for _ in range(600)]
        db.commit()
    assert ask(names[0]).accepted
    assert ask(names[-1]).accepted

    stack.sql("UPDATE subscriptions SET status = 'suspended' WHERE username = ANY(%s)", names)

    assert ask(names[0]).accepted is False
    assert ask(names[-1]).accepted is False


def test_a_rolled_back_change_changes_nothing(stack: RadiusStack, customer: str, ask: Ask) -> None:
    assert ask(customer).accepted
    with stack.sessions() as db:
        db.connection().exec_driver_sql("UPDATE subscriptions SET status = 'suspended'")
        db.rollback()

    assert ask(customer).accepted is True


def test_fifty_logins_at_once_from_fifty_devices_share_one_slot(
    stack: RadiusStack, customer: str, router: SimulatedRouter
) -> None:
    async def storm() -> list[LoginResult]:
        logins = [
            Login(
                service=Service.PPPOE,
                username=customer,
                password=f"pw-{customer}",
                mac=f"02:00:00:00:01:{number:02X}",
                method=Method.PAP,
            )
            for number in range(50)
        ]
        return list(await asyncio.gather(*(router.router.authenticate(login) for login in logins)))

    results = router.run(storm())

    assert sum(result.accepted is True for result in results) == 1
    assert sum(result.accepted is False for result in results) == 49


def test_a_wrong_password_gives_its_slot_back(customer: str, ask: Ask) -> None:
    for number in range(5):
        assert ask(customer, mac=f"02:00:00:00:02:{number:02X}", password="guess").accepted is False

    assert ask(customer, mac="02:00:00:00:02:FF").accepted is True


def test_a_session_the_collector_announces_takes_the_slot_and_its_end_frees_it(
    stack: RadiusStack, customer: str, ask: Ask
) -> None:
    assert ask(customer, mac="02:00:00:00:03:01").accepted
    ((subscription_id, tenant_id),) = stack.sql("SELECT id, tenant_id FROM subscriptions WHERE username = %s", customer)
    unique_id = "f" * 24 + f"{subscription_id:08x}"
    stack.sql(
        "INSERT INTO radacct (tenant_id, subscription_id, nas_server_id, nasipaddress, username, acctsessionid,"
        " acctuniqueid, acctstarttime, acctupdatetime, callingstationid)"
        " VALUES (%s, %s, 1, '127.0.0.1', %s, '81000001', %s, now(), now(), '02:00:00:00:03:01')",
        tenant_id,
        subscription_id,
        customer,
        unique_id,
    )
    opened = f'[["+", "{unique_id}", {subscription_id}, "02:00:00:00:03:01", 1, "81000001", null]]'
    stack.sql("SELECT pg_notify('session_changed', %s)", opened)

    assert ask(customer, mac="02:00:00:00:03:02").accepted is False
    assert ask(customer, mac="02:00:00:00:03:01").accepted is True

    stack.sql("UPDATE radacct SET acctstoptime = now() WHERE acctuniqueid = %s", unique_id)
    stack.sql("SELECT pg_notify('session_changed', %s)", f'[["-", "{unique_id}", {subscription_id}]]')
    with_hold = ask(customer, mac="02:00:00:00:03:02")
    assert with_hold.accepted is False, "the login of the first device still holds its slot for half a minute"


def test_a_router_added_changed_and_removed_is_served_without_a_restart(stack: RadiusStack, customer: str) -> None:
    login = Login(service=Service.PPPOE, username=customer, password=f"pw-{customer}", method=Method.PAP)
    options = {"source_ip": "127.0.0.7", "coa_port": None, "timeout_ms": 400, "resends": 0}
    with stack.router(secret="first-secret-of-the-router", **options) as router:
        assert router.authenticate(login).accepted is None
        with stack.sessions() as db:
            make_nas(db, host="127.0.0.7", radius_secret="first-secret-of-the-router")
            db.commit()
        started = datetime.now(UTC)
        wait_for(lambda: router.authenticate(login).accepted, 6)
        assert (datetime.now(UTC) - started).total_seconds() < 5

    with stack.sessions() as db:
        nas = db.connection().exec_driver_sql("SELECT id FROM nas_servers WHERE host = '127.0.0.7'").scalar_one()
        row = db.get(NasServer, nas)
        assert row is not None
        row.radius_secret = "second-secret-of-the-router"
        db.commit()
    with stack.router(secret="second-secret-of-the-router", **options) as router:
        wait_for(lambda: router.authenticate(login).accepted, 6)
        stack.sql("UPDATE nas_servers SET is_active = false WHERE host = '127.0.0.7'")
        wait_for(lambda: router.authenticate(login).accepted is None, 6)


def test_a_router_that_must_sign_its_requests_is_not_answered_when_it_does_not(
    stack: RadiusStack, customer: str
) -> None:
    login = Login(service=Service.PPPOE, username=customer, password=f"pw-{customer}", method=Method.PAP)
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.8", radius_secret=SECRET, require_message_authenticator=True)
        make_nas(db, host="127.0.0.9", radius_secret=SECRET, require_message_authenticator=False)
        db.commit()
    options = {"coa_port": None, "routeros": 6, "timeout_ms": 400, "resends": 0}

    with stack.router(secret=SECRET, source_ip="127.0.0.9", **options) as router:
        wait_for(lambda: router.authenticate(login).accepted, 6)
    with stack.router(secret=SECRET, source_ip="127.0.0.8", **options) as router:
        assert router.authenticate(login).accepted is None


def test_another_tenants_router_does_not_see_this_tenants_customers(stack: RadiusStack, customer: str) -> None:
    with stack.sessions() as db:
        other = make_tenant(db)
        make_nas(db, tenant=other, host="127.0.0.10", radius_secret=SECRET)
        db.commit()
    login = Login(service=Service.PPPOE, username=customer, password=f"pw-{customer}", method=Method.PAP)

    with stack.router(secret=SECRET, source_ip="127.0.0.10", coa_port=None, timeout_ms=400) as router:
        assert wait_for(lambda: router.authenticate(login).accepted is False, 6)
    assert stack.wait_for_record(customer)[7] == "unknown_user"


def test_an_unreadable_place_name_does_not_lock_a_customer_out(customer: str, router: SimulatedRouter) -> None:
    login = Login(
        service=Service.HOTSPOT,
        username=customer,
        password=f"pw-{customer}",
        called="caf\udce9".encode(errors="surrogateescape").decode("latin-1"),
        method=Method.PAP,
        extra=(("Connect-Info", b"\xff\xfe broken"),),
    )

    result = router.authenticate(login)

    assert result.accepted is False, "a PPPoE subscription on a hotspot"
    assert result.reply_message == "Login incorrect"


@pytest.mark.parametrize("extra", [("User-Name", b"\xff\xfe"), ("Calling-Station-Id", b"\xff")])
def test_bytes_that_are_not_text_are_refused_with_their_own_reason(
    extra: tuple[str, bytes], stack: RadiusStack, customer: str, router: SimulatedRouter
) -> None:
    login = Login(service=Service.PPPOE, username=customer, password="x", method=Method.PAP, extra=(extra,))

    assert router.authenticate(login).accepted is False
    wait_for(lambda: any(record[7] == "unreadable" for record in stack.access_records()))
