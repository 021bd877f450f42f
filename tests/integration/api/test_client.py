"""The client that is made from the document does what it says, against the real API, and its types hold."""

import importlib.machinery
import importlib.util
import inspect
import subprocess
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from db.models import Tenant, User
from factories import make_nas, make_session, make_subscription

ROOT = Path(__file__).resolve().parents[3]


def loaded(name: str, path: Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated file, from the checkout's own document."""
    maker = loaded("api_client_script", ROOT / "scripts" / "api-client")
    path = tmp_path_factory.mktemp("client") / "lintas_client.py"
    path.write_text(maker.client_of(maker.document_of_checkout()))
    return path


@pytest.fixture(scope="module")
def module(made_at: Path) -> ModuleType:
    return loaded("lintas_client", made_at)


@pytest.fixture
def api(module: ModuleType, app: Flask, admin: User, db: Session, token_of: Callable[..., str]) -> Any:
    """The client, sending to the application of the test."""
    token = token_of(admin)
    db.commit()
    flask = app.test_client()

    def send(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Any:
        answer = flask.open(path, method=method, headers=dict(headers), data=body)
        return module.Reply(answer.status_code, dict(answer.headers), answer.data)

    return module.Client("http://test", token, send=send)


def test_a_customer_is_made_changed_and_found(api: Any, module: ModuleType) -> None:
    made = api.create_customer({"name": "Budi Santoso"}, idempotency_key="one")

    assert api.create_customer({"name": "Budi Santoso"}, idempotency_key="one")["id"] == made["id"]
    changed = api.edit_customer(made["id"], {"city": "Malang", "version": made["version"]})
    assert changed["city"] == "Malang"
    assert [row["name"] for row in api.list_customers(search="santoso", fields=["name"])["items"]] == ["Budi Santoso"]
    with pytest.raises(module.Refused) as refused:
        api.edit_customer(made["id"], {"city": "Batu", "version": made["version"]})
    assert (refused.value.status, refused.value.code) == (409, "stale_version")
    with pytest.raises(module.Refused) as refused:
        api.create_customer({"name": ""})
    assert refused.value.errors[0]["field"] == "name"
    assert api.delete_customer(made["id"])["customer"]["id"] == made["id"]
    assert api.sign_out() is None
    with pytest.raises(module.Refused, match="401"):
        api.get_me()


def test_long_lists_are_followed_to_their_end(api: Any) -> None:
    names = {f"Budi {number}" for number in range(7)}
    for name in names:
        api.create_customer({"name": name})

    assert {row["name"] for row in api.pages(api.list_customers, page_size=2)} == names


def test_files_go_up_and_come_down(api: Any) -> None:
    api.create_customer({"name": "Budi"})

    told = api.import_customers({"file": b"name,phone\nSiti,08123456789\n", "dry_run": "true"})
    assert told["id"] > 0
    assert b"Budi" in api.export_customers_csv()


def test_every_list_and_setting_answers_in_the_shape_that_the_types_say(
    api: Any, module: ModuleType, db: Session, tenant: Tenant
) -> None:
    make_session(db, make_subscription(db, tenant=tenant), make_nas(db, tenant=tenant))
    db.commit()
    asked = 0
    for name in dir(module.Client):
        method = getattr(module.Client, name)
        if not name.startswith(("list_", "get_")) or _needs(method):
            continue
        answer, hints = getattr(api, name)(), typing.get_type_hints(method)
        if isinstance(answer, bytes):
            assert hints["return"] is bytes, name
            continue
        assert answer.keys() <= typing.get_type_hints(hints["return"]).keys(), name
        asked += 1

    assert asked > 50


def _needs(method: Callable[..., object]) -> list[str]:
    """The arguments that have to be given."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return [one.name for one in parameters if one.default is one.empty]


def test_types_hold_and_a_wrong_word_is_found_before_it_is_sent(made_at: Path) -> None:
    right = made_at.with_name("right.py")
    right.write_text(
        "from lintas_client import Client, CustomerOut\n"
        "client = Client('https://isp.example', 'lts_x')\n"
        "made: CustomerOut = client.create_customer({'name': 'Budi'})\n"
        "client.suspend_customer(made['id'], {'reason': 'asked for it'})\n"
        "print([row['id'] for row in client.list_webhooks()['items']])\n"
    )
    wrong = made_at.with_name("wrong.py")
    wrong.write_text(
        "from lintas_client import Client\n"
        "client = Client('https://isp.example', 'lts_x')\n"
        "client.create_customer({'nome': 'Budi'})\n"
        "client.get_customer('five')\n"
        "client.list_customers(stauts='active')\n"
    )
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null", "--cache-dir", str(made_at.parent),
         "lintas_client.py", "right.py", "wrong.py"],
        cwd=made_at.parent, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    errors = [line for line in said.stdout.splitlines() if ": error:" in line]
    assert {line.split(":")[0] for line in errors} == {"wrong.py"}, said.stdout + said.stderr
    assert {line.split(":")[1] for line in errors} == {"3", "4", "5"}
