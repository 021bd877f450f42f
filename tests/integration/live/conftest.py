"""A PostgreSQL, a FreeRADIUS, a collector and a worker of this folder's own, to be killed at will."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bss import tokens
from bss.actor import Actor
from bss.permissions import PERMISSIONS
from bss.setup import ensure_roles
from db import cluster as database_admin
from db.migrations import runner
from db.models import Subscription, User
from factories import make_nas, make_plan, make_subscription, make_user
from live_stack import LiveStack, live_stack
from radius_stack import radius_stack, wait_for
from runtime import ports, postgres, redis
from runtime.settings import get_settings
from simulator import LoginRefused, SessionHandle, SimulatedRouter
from webadmin.app import create_app

SECRET = "the-secret-of-the-live-router"
ROUTER = "127.0.0.1"
GIGABYTE = 10**9
TIER = {"threshold_bytes": GIGABYTE, "reduced_download_kbps": 2000, "reduced_upload_kbps": 1000}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Times are promised here: these run by themselves, after everything that may run side by side."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.live)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    folder = postgres.directory_for(tmp_path_factory.mktemp("live-database") / "postgres")
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    own = postgres.Cluster(directory=folder, port=port, durable=True)
    postgres.init(own)
    postgres.start(own)
    with postgres.connect_admin(own) as admin:
        database_admin.ensure_role(admin, role="lintas", password="lintas")
        database_admin.ensure_database(admin, database="lintas", owner="lintas")
    runner.upgrade(database_url(own))
    yield own
    postgres.stop(own)


def database_url(cluster: postgres.Cluster) -> str:
    return postgres.url(cluster, database="lintas", role="lintas", password="lintas")


@pytest.fixture(scope="module")
def live(
    cluster: postgres.Cluster, redis_server: redis.RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStack]:
    folder = tmp_path_factory.mktemp("live")
    redis.empty(redis_server.url)
    with (
        radius_stack(folder, database_url(cluster), redis_url=redis_server.url) as radius,
        live_stack(radius, folder) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def nas_id(live: LiveStack) -> int:
    """The router's row; its CoA port is whatever the simulated router gets."""
    with live.radius.sessions() as db:
        nas = make_nas(db, host=ROUTER, radius_secret=SECRET)
        db.commit()
        return nas.id


@pytest.fixture
def router(live: LiveStack, nas_id: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedRouter]:
    settings = live.radius.settings
    for name in ("database_url", "redis_url", "keys_file", "secret_key_file", "spool_dir", "var_dir"):
        monkeypatch.setenv(f"LINTAS_{name.upper()}", str(getattr(settings, name)))
    get_settings.cache_clear()
    with live.radius.router(secret=SECRET, coa_port=0) as simulated:
        live.radius.sql("UPDATE nas_servers SET coa_port = %s WHERE id = %s", simulated.coa_port, nas_id)
        yield simulated
    get_settings.cache_clear()


@pytest.fixture
def customer(live: LiveStack) -> Subscription:
    with live.radius.sessions() as db:
        subscription = make_subscription(db, plan=make_plan(db, tiers=[TIER]))
        db.commit()
    return subscription


@pytest.fixture
def app(live: LiveStack, router: SimulatedRouter) -> Iterator[Flask]:
    application = create_app(get_settings(), TESTING=True, RATE_LIMITS_ENABLED=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def admin(live: LiveStack, customer: Subscription) -> User:
    with live.radius.sessions() as db:
        role = next(role for role in ensure_roles(db) if role.name == "admin")
        user = make_user(db, tenant_id=customer.tenant_id, roles=[role])
        db.commit()
    return user


@pytest.fixture
def api(app: Flask, live: LiveStack, admin: User) -> FlaskClient:
    with live.radius.sessions() as db:
        actor = Actor.system(tenant_id=admin.tenant_id, name="test")
        scopes = sorted(PERMISSIONS)
        issued = tokens.create(db, actor=actor, now=datetime.now(UTC), user_id=admin.id, name="t", scopes=scopes)
        db.commit()
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issued.secret}"
    return client


def password_of(customer: Subscription) -> str:
    """What `make_subscription` gives it."""
    return f"pw-{customer.username}"


def go_online(live: LiveStack, router: SimulatedRouter, customer: Subscription) -> SessionHandle:
    session = wait_for(lambda: _try_login(router, customer), 10)
    opened = "SELECT 1 FROM radacct_open WHERE acctsessionid = %s AND username = %s"
    wait_for(lambda: live.radius.sql(opened, session.session_id, customer.username))
    return session


def _try_login(router: SimulatedRouter, customer: Subscription) -> SessionHandle | None:
    try:
        return router.login_pppoe(customer.username, password_of(customer), mac=f"02:00:00:10:00:{customer.id:02X}")
    except LoginRefused:
        return None


def used_bytes(live: LiveStack, customer: Subscription) -> int:
    rows = live.radius.sql(
        "SELECT coalesce(sum(download_bytes + upload_bytes), 0) FROM usage_daily WHERE subscription_id = %s",
        customer.id,
    )
    return int(rows[0][0])
