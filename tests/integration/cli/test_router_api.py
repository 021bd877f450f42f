"""Routers' APIs from a terminal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

import routeros
from cli.main import root
from db.models import NasServer, RouterOrder
from factories import make_nas, make_tenant
from runtime.settings import Settings, get_settings
from simulator import ApiServer


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer(host="127.0.4.1") as server:
        yield server
        routeros.pool.close()


@pytest.fixture
def nas(db: Session, settings: Settings, api: ApiServer) -> NasServer:
    row = make_nas(
        db, tenant=make_tenant(db), name="RB-1", host=api.host, api_port=api.port, api_username=api.username,
        api_password=api.password,
    )  # fmt: skip
    db.commit()
    return row


def run(*arguments: str, fails: bool = False) -> Any:
    done = CliRunner().invoke(root, ["--json", "nas", *arguments])
    assert (done.exit_code != 0) == fails, done.output
    return done.output if fails and not done.output.startswith("{") else json.loads(done.output)


def test_a_router_is_connected_to_looked_at_and_written_on(
    nas: NasServer, api: ApiServer, db: Session, tmp_path: Path
) -> None:
    api.tables.put("/ppp/active", {"name": "budi", "uptime": "5m"})
    assert run("connect", "RB-1")["identity"] == "MikroTik"
    assert run("connect")["is_well"]
    assert run("look", "RB-1", "ppp-active")["rows"][0]["uptime_s"] == 300
    assert run("traffic", "RB-1")["rx_bps"] == 12_000_000

    (tmp_path / "pw").write_text("kamera-123\n")
    run("secrets", "save", "RB-1", "cctv", "--password-file", str(tmp_path / "pw"))
    run("secrets", "disable", "RB-1", "cctv")
    run("secrets", "enable", "RB-1", "cctv")
    run("queue", "put", "RB-1", "noc", "--target", "10.0.0.1", "--max-limit", "1M/2M")
    run("queue", "remove", "RB-1", "noc")
    run("address-list", "put", "RB-1", "isolir", "10.0.0.1", "--timeout-s", "60")
    run("address-list", "remove", "RB-1", "isolir", "10.0.0.1")
    run("end-sessions", "RB-1", "stranger")
    run("forget-device", "RB-1", "aa:bb:cc:dd:ee:ff")
    assert run("secrets", "sync", "RB-1")["ordered"] == 1
    assert run("secrets", "import", "RB-1")["found"] == 0
    assert [row["kind"] for row in run("secrets", "drift", "RB-1")["differences"]] == ["missing"]
    assert run("secrets", "list", "RB-1")["items"][0]["username"] == "cctv"
    assert "kamera-123" not in json.dumps(run("orders", "RB-1"))
    run("secrets", "remove", "RB-1", "cctv")
    assert len(db.scalars(select(RouterOrder)).all()) == 5
    assert "cannot be read by the router" in run(
        "queue", "put", "RB-1", "x", "--target", "10.0.0.1", "--max-limit", "fast", fails=True
    )


def test_the_account_is_set_from_a_file(nas: NasServer, api: ApiServer, db: Session, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("another\n")
    run(
        "edit",
        "RB-1",
        "--api-username",
        "noc",
        "--api-password-file",
        str(tmp_path / "pw"),
        "--local-address",
        "10.0.0.1",
    )
    db.expire_all()

    assert (nas.api_username, nas.api_password, nas.configuration) == ("noc", "another", {"local_address": "10.0.0.1"})
    assert "another" not in json.dumps(run("show", "RB-1"))
    told = run("connect", "RB-1", fails=True)
    assert told["code"] == "login_refused"


def test_without_any_router_the_one_in_the_settings_is_asked(
    db: Session, settings: Settings, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tenant(db)
    db.commit()
    assert "LINTAS_ROUTER_HOST" in run("connect", fails=True)
    for name, value in {
        "HOST": api.host,
        "PORT": str(api.port),
        "USERNAME": api.username,
        "PASSWORD": api.password,
    }.items():
        monkeypatch.setenv(f"LINTAS_ROUTER_{name}", value)
    get_settings.cache_clear()

    assert run("connect")["identity"] == "MikroTik"
    assert run("look", "environment", "pools")["is_live"]
    assert run("traffic", "environment")["rx_bps"] == 12_000_000
    assert [(row["name"], row["is_from_environment"]) for row in run("list")["items"]] == [("environment", True)]
    assert run("show", "environment")["host"] == api.host
    assert "there is no such router" in run("end-sessions", "environment", "budi", fails=True)
    make_nas(db, name="RB-1")
    db.commit()
    assert "there is no such router" in run("look", "environment", "pools", fails=True)


def test_a_router_is_removed_after_a_question_and_after_its_secrets(
    nas: NasServer, db: Session, tmp_path: Path
) -> None:
    (tmp_path / "pw").write_text("kamera-123\n")
    run("secrets", "save", "RB-1", "cctv", "--password-file", str(tmp_path / "pw"))
    asked = CliRunner().invoke(root, ["nas", "delete", "RB-1"], input="n\n")
    assert (asked.exit_code, "1 names and passwords of ours are on RB-1" in asked.output) == (1, True)
    assert run("removal", "RB-1")["is_asked"] is False

    assert run("delete", "RB-1", "--yes")["waiting"] == 1
    told = CliRunner().invoke(root, ["nas", "removal", "RB-1"])
    assert "goes when it has nothing of ours" in told.output
    assert run("delete", "RB-1", "--yes", "--leave-secrets")["names"] == ["cctv"]
    db.expire_all()
    assert nas.deleted_at is not None


def test_a_router_that_is_switched_off_can_give_up_its_secrets_too(nas: NasServer, db: Session) -> None:
    run("edit", "RB-1", "--provisioning", "both")
    run("deactivate", "RB-1", "--take-secrets")
    db.expire_all()
    assert (nas.is_active, nas.provisioning_mode) == (False, "radius")
