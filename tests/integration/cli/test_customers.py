"""Customers and operators at a terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from cli.main import root
from db.models import Tenant
from factories import make_plan, make_tenant, make_user
from runtime.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    def call(*arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(root, list(arguments), **more)

    return call


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    row = make_tenant(db)
    make_plan(db, tenant=row, slug="home")
    make_user(db, tenant=row, email="staff@example.net")
    db.commit()
    return row


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_from_a_record_to_a_family_and_back_from_deletion(run: Run, tenant: Tenant) -> None:
    words = ["Budi", "--phone", "0812345678", "--province", "Jawa Barat", "--tag", "VIP", "--latitude", "-6.2"]
    words += ["--longitude", "106.8", "--username", "budi", "--plan", "home", "--json"]
    made = data(run("customer", "add", *words))
    child = data(run("customer", "add", "Adik", "--parent", made["code"], "--json"))
    data(run("customer", "edit", made["code"], "--city", "Bogor", "--birth-date", "1990-02-28", "--json"))
    data(run("customer", "contact", "add", made["code"], "phone", "021 5551234", "--primary", "--json"))
    data(run("customer", "equipment", "add", made["code"], "ONT", "--type", "ont", "--mac", "aabbccddeeff", "--json"))
    data(run("customer", "tag", "add", made["code"], "fiber", "--color", "blue", "--json"))
    shown = data(run("customer", "show", made["code"], "--json"))

    assert made["secret"]
    assert (shown["whatsapp"], shown["city"], shown["tags"]) == ("+62812345678", "Bogor", "fiber, VIP")
    assert [row["code"] for row in data(run("customer", "family", made["code"], "--json"))["items"]] == [child["code"]]
    assert data(run("customer", "contact", "list", made["code"], "--json"))["items"][0]["primary"] is True
    assert data(run("customer", "equipment", "list", made["code"], "--json"))["items"][0]["type"] == "ont"
    assert {row["tag"] for row in data(run("customer", "tag", "list", "--json"))["items"]} == {"VIP", "fiber"}
    assert data(run("customer", "statistics", "--json"))["total_customers"] == "2"
    data(run("customer", "block", made["code"], "disabled", "--json"))
    data(run("customer", "delete", made["code"], "--yes", "--json"))
    assert run("customer", "show", made["code"]).exit_code == 1
    data(run("customer", "restore", str(made["id"]), "--json"))
    actions = [row["what"] for row in data(run("customer", "activity", made["code"], "--json"))["items"]]
    assert actions[:3] == ["customer.restored", "customer.deleted", "subscription.suspended"]


def test_a_file_is_imported_acted_on_and_taken_away(run: Run, tenant: Tenant, tmp_path: Path) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("name,phone,city\nBudi,0812000001,Bogor\n,0812000002,Bogor\nAni,0812000003,Depok\n")

    looked = data(run("customer", "import", str(file), "--dry-run", "--json"))
    done = data(run("customer", "import", str(file), "--json"))
    tagged = data(run("customer", "bulk", "add_tag", "--city", "Bogor", "--put-tag", "north", "--yes", "--json"))
    nobody = run("customer", "bulk", "suspend", "--yes")
    taken = data(run("customer", "export", "--tag", "north", "--output", str(out), "--json"))

    assert (looked["done"], done["done"], done["errors"][0]["row"]) == (2, 2, 3)
    assert (tagged["done"], nobody.exit_code, taken["customers"]) == (1, 1, 1)
    assert "Budi" in out.read_text()
    assert len(data(run("customer", "jobs", "--json"))["items"]) == 3


def test_operators_their_staff_and_a_transfer(run: Run, tenant: Tenant) -> None:
    data(run("operator", "add", "North", "--level", "10", "--commission", "12.5", "--json"))
    data(run("operator", "add", "North-1", "--level", "30", "--parent", "North", "--json"))
    made = data(run("customer", "add", "Budi", "--json"))

    assert run("operator", "add", "Wrong", "--level", "5", "--parent", "North").exit_code == 1
    assert data(run("operator", "transfer", made["code"], "North-1", "--json"))["status"] == "done"
    data(run("operator", "staff", "staff@example.net", "North", "--json"))
    data(run("operator", "edit", "North", "--commission", "10", "--json"))
    listed = {
        row["name"]: (row["customers"], row["commission_rate"])
        for row in data(run("operator", "list", "--json"))["items"]
    }
    assert listed == {"North": (0, "10.00"), "North-1": (1, "0.00")}
    assert run("operator", "remove", "North").exit_code == 1
    assert [row["status"] for row in data(run("operator", "transfers", "--json"))["items"]] == ["done"]


def test_the_providers_settings_are_set_by_name(run: Run, tenant: Tenant) -> None:
    data(run("provider", "set", "require_whatsapp", "yes", "--json"))
    shown = data(run("provider", "set", "tokens_add_per_hour", "none", "--json"))

    assert (shown["require_whatsapp"], shown["tokens_add_per_hour"]) == (True, None)
    assert run("customer", "add", "Budi").exit_code == 1
    assert run("provider", "set", "country_code", "abc").exit_code == 1


def test_a_photo_is_kept_read_and_taken_away(run: Run, tenant: Tenant, tmp_path: Path) -> None:
    made = data(run("customer", "add", "Budi", "--json"))
    file, back = tmp_path / "budi.png", tmp_path / "back.jpg"
    Image.new("RGB", (40, 30), "red").save(file)

    data(run("customer", "picture", "put", made["code"], "photo", str(file), "--json"))
    data(run("customer", "picture", "put", made["code"], "id-card", str(file), "--json"))
    data(run("customer", "picture", "get", made["code"], "id-card", str(back), "--json"))
    data(run("customer", "picture", "remove", made["code"], "photo", "--json"))

    assert back.read_bytes().startswith(b"\xff\xd8")
    assert run("customer", "picture", "get", made["code"], "photo", str(back)).exit_code == 1
    actions = [row["what"] for row in data(run("customer", "activity", made["code"], "--json"))["items"]]
    assert "customer.id_card_picture_shown" in actions


def test_own_data_is_written_to_a_file_and_who_was_deleted_is_forgotten_by_a_job(
    run: Run, tenant: Tenant, tmp_path: Path, db: Session
) -> None:
    first = data(run("customer", "add", "Budi", "--phone", "0812345678", "--json"))
    second = data(run("customer", "add", "Citra", "--json"))
    file = tmp_path / "budi.json"
    data(run("customer", "personal-data", first["code"], "--output", str(file), "--json"))
    data(run("provider", "set", "forget_deleted_after_days", "1", "--json"))
    data(run("customer", "delete", first["code"], "--yes", "--json"))
    db.execute(text("UPDATE customers SET deleted_at = now() - interval '2 days' WHERE deleted_at IS NOT NULL"))
    db.commit()

    would = data(run("jobs", "run", "bss.forget-customers", "--dry-run", "--json"))["would"]
    did = data(run("jobs", "run", "bss.forget-customers", "--json"))["result"]

    assert json.loads(file.read_text())["customer"]["name"] == "Budi"
    assert file.stat().st_mode & 0o077 == 0
    assert len(would) == 1
    assert first["code"] in would[0]
    assert did == {"forgotten": 1, "left": 0}
    assert run("customer", "anonymize", second["code"], "--confirm", "CUST-1").exit_code == 1
    erased = data(run("customer", "erase", str(first["id"]), "--confirm", first["code"], "--json"))
    assert erased["ending"] == "erased"


def test_what_a_customer_measured_is_kept_and_listed(run: Run, tenant: Tenant) -> None:
    made = data(run("customer", "add", "Budi", "--json"))
    words = ["--download", "18000", "--latency", "12", "--server", "speed.example.net", "--json"]
    noted = data(run("customer", "speed-test", "note", made["code"], *words))

    assert (noted["state"], noted["download_kbps"], noted["latency_ms"]) == ("done", 18_000, 12.0)
    (listed,) = data(run("customer", "speed-test", "list", made["code"], "--json"))["items"]
    assert listed["id"] == noted["id"]
    refused = run("customer", "speed-test", "start", made["code"])
    assert (refused.exit_code, "not online" in refused.output) == (1, True)


def test_a_customer_is_added_by_the_job_and_told_of(run: Run, tenant: Tenant) -> None:
    words = ["Budi", "--phone", "0812345678", "--tag", "VIP", "--key", "k1", "--json"]
    asked = data(run("customer", "registration", "add", *words))
    told = data(run("jobs", "run", "bss.registrations", "--dry-run", "--json"))
    data(run("jobs", "run", "bss.registrations", "--json"))
    done = data(run("customer", "registration", "show", str(asked["id"]), "--json"))

    assert (asked["state"], told["would"]) == ("waiting", ["1 that wait would be added"])
    assert (done["state"], done["problem"]) == ("done", "")
    assert data(run("customer", "show", str(done["customer_id"]), "--json"))["tags"] == "VIP"
    assert data(run("customer", "registration", "list", "--state", "failed", "--json"))["items"] == []
    assert run("customer", "registration", "add", "Ani", "--username", "ani").exit_code == 2
    twin = data(run("customer", "registration", "add", "Ani", "--phone", "0812345678", "--json"))
    data(run("jobs", "run", "bss.registrations", "--json"))
    assert data(run("customer", "registration", "list", "--state", "failed", "--json"))["items"][0]["id"] == twin["id"]
    assert data(run("customer", "registration", "repeat", str(twin["id"]), "--json"))["state"] == "waiting"
