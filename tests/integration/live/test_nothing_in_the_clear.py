"""Secrets that went through every part of the system are nowhere to be read afterwards.

Each is a word of its own. What is read: all files of the database with its write-ahead log, every command that Redis
was given, every log, spool and configuration file; in the clear and in the ways in which text is commonly written.
"""

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient

from db.models import Subscription
from integration.live.conftest import SECRET, password_of
from live_stack import LiveStack
from radius_stack import wait_for
from runtime import postgres, redis
from simulator import Login, Method, Service, SimulatedRouter
from simulator.credentials import nt_hash

API = "/api/v1"
SERVICE, WRONG = "canary-service-5pG2", "canary-typed-9wK4"
ENTERED = {
    "a router's secret": "canary-radius-secret-3Tz8",
    "a router's API password": "canary-router-api-6Yb1",
    "a gateway's key": "canary-server-key-2Lm7",
    "an identity card": "3273019988776655",
    "a camera's password": "canary-camera-8Hd3",
}
# What keeps the keys is where they are.
KEEPERS = frozenset({"keys", "flask.key"})


def written_ways(secret: str) -> Iterator[bytes]:
    """The bytes by which a secret could be found again."""
    plain, hashed = secret.encode(), nt_hash(secret)
    for raw in (plain, secret.encode("utf-16-le"), hashed):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
    # Where in a longer text it begins decides how base64 writes it; what its neighbours have part in is left out.
    for before in range(3):
        written = base64.b64encode(b"\0" * before + plain)
        yield written[(8 * before + 5) // 6 : (8 * (before + len(plain))) // 6]


@contextmanager
def commands_heard(server: redis.RedisServer, file: Path) -> Iterator[None]:
    """Every command that Redis is given meanwhile, in a file."""
    command = ["redis-cli", "-h", server.host, "-p", str(server.port), "monitor"]
    env = os.environ | {"REDISCLI_AUTH": server.password}
    with file.open("wb") as out, subprocess.Popen(command, stdout=out, env=env) as ears:
        try:
            wait_for(lambda: file.read_bytes().startswith(b"OK"))
            yield
        finally:
            ears.terminate()


def places(cluster: postgres.Cluster, live: LiveStack) -> list[Path]:
    """Every file in which something could stand."""
    with postgres.connect_admin(cluster) as admin:
        admin.execute("CHECKPOINT")
    folders = (cluster.directory, live.folder)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.name not in KEEPERS]


def found_in(files: list[Path], words: Mapping[str, list[bytes]]) -> list[tuple[str, str]]:
    contents = ((path, path.read_bytes()) for path in files)
    return [
        (what, str(path))
        for path, content in contents
        for what, ways in words.items()
        if any(way in content for way in ways)
    ]


def enter(api: FlaskClient, customer: Subscription) -> dict[str, str]:
    """Hand every kind of secret in; those that the system makes itself are in the answer."""
    nas = {
        "name": "RB-Kenari", "host": "192.0.2.44", "radius_secret": ENTERED["a router's secret"],
        "api_username": "lintas", "api_password": ENTERED["a router's API password"],
    }  # fmt: skip
    made = {
        "nas": api.post(f"{API}/nas", json=nas),
        "gateway": api.post(
            f"{API}/payment-gateways", json={"kind": "midtrans", "values": {"server_key": ENTERED["a gateway's key"]}}
        ),
        "customer": api.post(f"{API}/customers", json={"name": "Budi", "id_card_number": ENTERED["an identity card"]}),
        "webhook": api.post(
            f"{API}/webhooks", json={"name": "x", "url": "https://hooks.example.net/", "events": ["customer.created"]}
        ),
        "token": api.post(f"{API}/tokens", json={"name": "reports", "scopes": ["view_plans"]}),
    }
    assert {name: answer.status_code for name, answer in made.items()} == dict.fromkeys(made, 201), made["gateway"].text
    service = api.post(f"{API}/subscriptions/{customer.id}/change-password", json={"password": SERVICE})
    assert service.status_code == 200, service.text
    order = {"username": "cctv", "password": ENTERED["a camera's password"]}
    assert api.post(f"{API}/nas/{made['nas'].get_json()['id']}/secrets", json=order).status_code == 202
    return {"a webhook's secret": made["webhook"].get_json()["secret"], "a token": made["token"].get_json()["token"]}


def log_in(live: LiveStack, router: SimulatedRouter, customer: Subscription) -> None:
    """By every method, with the password and with another one that somebody typed; then for good."""
    for method in Method:
        right = Login(
            service=Service.PPPOE, username=customer.username, password=SERVICE, method=method, mac="02:00:00:50:00:01"
        )
        wait_for(lambda login=right: router.authenticate(login).accepted, 10)
        assert router.authenticate(replace(right, password=WRONG)).accepted is False
    router.login_pppoe(customer.username, SERVICE, mac="02:00:00:50:00:01")
    written = "SELECT 1 FROM access_log WHERE username = %s HAVING count(*) >= %s"
    wait_for(lambda: live.radius.sql(written, customer.username, 2 * len(Method)), 15)
    wait_for(lambda: live.radius.sql("SELECT 1 FROM radacct_open WHERE username = %s", customer.username), 15)


def test_no_secret_can_be_read_where_it_went_through(
    cluster: postgres.Cluster, redis_server: redis.RedisServer, live: LiveStack, router: SimulatedRouter,
    customer: Subscription, api: FlaskClient, tmp_path: Path, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    heard, said = tmp_path / "commands", tmp_path / "said"
    with commands_heard(redis_server, heard):
        made = enter(api, customer)
        log_in(live, router, customer)
        suspended = api.post(f"{API}/customers/{customer.customer_id}/suspend", json={"reason": "overdue"})
        assert suspended.status_code == 200, suspended.text
        assert router.wait_for_coa(1, timeout_seconds=10)
        with pytest.raises(psycopg.Error):
            live.radius.sql("SELECT 1 / 0")
    said.write_text("".join(capfd.readouterr()))

    secrets = ENTERED | made | {
        "a service password": SERVICE, "what somebody typed": WRONG, "the first password": password_of(customer),
        "this router's secret": SECRET,
    }  # fmt: skip
    files = [*places(cluster, live), heard, said]
    assert found_in(files, {what: list(written_ways(secret)) for what, secret in secrets.items()}) == []
    # The eyes are open: what is no secret is seen, in the database and in what Redis was told.
    seen = {path for _, path in found_in(files, {"name": [customer.username.encode()], "task": [b"coa.drain"]})}
    assert any("/pg_wal/" in path for path in seen)
    assert str(heard) in seen
