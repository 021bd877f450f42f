"""A record and its receipt say all that a decision was made from: with them alone it is made again, the same."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import AccessProfile, AttributeItem
from profiles import DEVICES, GOOD_STANDING, NOW, moments, profiles
from radius.compiled import compile_profile, moment
from radius.policies import REFUSALS
from radius.policies.types import Login, Step
from radius.receipts import decide_in_full, login_again, read_receipt, receipt_of, recorded
from radius.records import AccessRecords, Record
from radius.snapshot import plain, restore, snapshot
from tests.unit.radius.desk import CODES, Desk, a_session

SERVICES = ("pppoe", "hotspot", "dhcp", "other")
OTHER_DEVICE = "02:00:00:00:00:99"


def written(profile: AccessProfile, *, service: str = "pppoe", now: datetime = NOW) -> dict[str, Any]:
    """The receipt of a profile's decision as it leaves."""
    text = receipt_of(compile_profile(profile, service, now, bytes.decode))
    body: dict[str, Any] = json.loads(text)
    return body


@given(profile=profiles())
def test_a_profile_comes_back_from_its_snapshot_as_it_was_but_for_the_password(profile: AccessProfile) -> None:
    body = written(replace(profile, assigned_ip=None))

    assert restore(body["profile"]) == replace(profile, assigned_ip=None, password_token=b"")


def test_a_snapshot_has_every_field_that_says_something_and_never_the_password() -> None:
    assert "password_token" not in snapshot(GOOD_STANDING)
    assert snapshot(replace(GOOD_STANDING, ip_pool="p"))["ip_pool"] == "p"
    assert "ip_pool" not in snapshot(GOOD_STANDING)


@pytest.mark.parametrize("spoiled", [{}, {"tenant_id": "x"}, {"plan_speed": 3}])
def test_what_is_no_snapshot_is_said_to_be_none(spoiled: dict[str, Any]) -> None:
    good = written(GOOD_STANDING)["profile"]

    with pytest.raises(ValueError, match="not a snapshot"):
        restore(good | spoiled if spoiled else spoiled)


@given(
    profile=profiles(),
    running=st.lists(st.sampled_from([*DEVICES, OTHER_DEVICE]), unique=True, max_size=3),
    attempts=st.lists(
        st.tuples(moments, st.sampled_from(SERVICES), st.one_of(st.none(), st.sampled_from(DEVICES))),
        min_size=1,
        max_size=6,
    ),
    is_up=st.booleans(),
)
def test_every_recorded_login_is_decided_again_the_same_from_its_record_and_receipt(
    profile: AccessProfile,
    running: list[str],
    attempts: list[tuple[datetime, str, str | None]],
    is_up: bool,
) -> None:
    desk = Desk()
    sessions = {f"{number:032x}": mac for number, mac in enumerate(running)}
    desk.keep(profile, *(a_session(unique, profile.subscription_id, mac) for unique, mac in sessions.items()))
    desk.database.open_sessions[profile.subscription_id] = dict(sessions)
    desk.clock.wall = min(now for now, _, _ in attempts).timestamp()
    desk.login()
    desk.database.is_up = is_up

    for now, service, mac in sorted(attempts, key=lambda attempt: attempt[0]):
        desk.clock.wall = now.timestamp()
        answer = desk.login(service=service, mac=mac)
        if answer[0] == CODES.handled:
            # Without the database, what was known has become too old: that is silence, which decides nothing.
            continue
        record = desk.records[-1]

        told, login = again(record)
        anew = decide_in_full(login)
        then = recorded(told, login, is_accepted=record.result == "accept", reason=record.reason)

        assert (anew.refusal is None, anew.reason) == (record.result == "accept", record.reason)
        assert (as_json(anew.rules), anew.reply) == (as_json(then.rules), then.reply)
        assert then.reply == tuple(pair for pair in answer[1] if pair[0] != "Class")
        if record.result == "reject":
            assert then.rules[-1].refusal == record.reason


def test_a_device_that_a_dhcp_server_names_is_the_one_that_is_decided_about_again() -> None:
    desk = Desk()
    profile = replace(
        GOOD_STANDING, username=DEVICES[0], connection_type="dhcp", mac_binding="fixed", macs={DEVICES[0]: "approved"}
    )
    desk.keep(profile)

    desk.login(DEVICES[0], service="dhcp", mac="1:2:0:0:0:0:99")

    assert desk.records[-1].result == "accept"
    assert decide_in_full(again(desk.records[-1])[1]).refusal is None


def as_json(rules: tuple[Step, ...]) -> Any:
    """What rules say as it is stored: the rules of a receipt come back as such."""
    return json.loads(orjson.dumps([[step.rule, step.values, step.refusal] for step in rules], default=plain))


def again(record: Record) -> tuple[Any, Login]:
    """What a stored record is read back to, by way of JSON as it is on disk."""
    assert record.compiled is not None
    told = read_receipt(json.loads(receipt_of(record.compiled)))
    seen = json.loads(json.dumps(record.details or {}))
    kept = SimpleNamespace(**record._asdict() | {"decided_at": moment(record.decided_at), "details": seen})
    return told, login_again(told, kept)  # type: ignore[arg-type]


def test_a_receipt_lists_the_rules_in_order_with_what_each_saw() -> None:
    profile = replace(GOOD_STANDING, expires_at=datetime(2026, 11, 2, tzinfo=UTC), grace_days=1)

    outcome = decide_in_full(Login(profile=profile, service="pppoe", now=NOW, mac=DEVICES[0]))

    compiled = [rule.name for rule in REFUSALS if not rule.per_login]
    of_the_moment = [rule.name for rule in REFUSALS if rule.per_login]
    assert [step.rule for step in outcome.rules] == compiled + of_the_moment
    expiry = next(step for step in outcome.rules if step.rule == "expiry")
    assert expiry.values["cut_off_at"] == datetime(2026, 11, 3, tzinfo=UTC)
    assert [rule[0] for rule in written(profile)["rules"]] == compiled


def test_a_refusal_ends_the_list() -> None:
    outcome = decide_in_full(Login(profile=replace(GOOD_STANDING, customer_status="suspended"), service="x", now=NOW))

    assert outcome.refusal == "customer_suspended"
    assert [step.refusal for step in outcome.rules] == ["customer_suspended"]


SECRETS = ("s3cret-one", "s3cret-two", "s3cret-three")


def test_no_password_and_no_secret_is_in_a_receipt() -> None:
    items = [
        AttributeItem("Cleartext-Password", ":=", SECRETS[0]),
        AttributeItem("NT-Password", "==", SECRETS[1]),
        AttributeItem("User-Password", "==", SECRETS[2]),
    ]
    profile = replace(
        GOOD_STANDING,
        password_token=b"rahasia-sekali",
        checks=tuple(items),
        replies=(AttributeItem("Reply-Message", "=", "hello"),),
    )
    desk = Desk()
    desk.keep(profile)

    desk.login(extra=(("User-Password", "typed-by-hand"), ("CHAP-Password", "0x00typed-by-hand")))

    record = desk.records[-1]
    assert record.compiled is not None
    text = receipt_of(record.compiled).decode() + repr(record.details) + repr(decide_in_full(again(record)[1]).rules)
    assert "hello" in text
    for secret in (*SECRETS, "rahasia", "typed-by-hand"):
        assert secret not in text


def test_every_value_of_a_login_is_one_that_a_record_can_carry() -> None:
    """A field of another kind would be lost between a decision and its second making."""
    known = {"profile", "service", "now", "place", "mac", "other_sessions", "held_sessions", "learned_mac"}

    assert {item.name for item in fields(Login)} <= known | {"is_blacklisted", "wait_s", "request"}


@pytest.fixture
def records(tmp_path: Path) -> AccessRecords:
    return AccessRecords(tmp_path, pytest.fail)


def a_record(profile: AccessProfile, number: int = 1, **over: Any) -> Record:
    compiled = over.pop("compiled", None) or compile_profile(profile, "pppoe", NOW, bytes.decode)
    values = (100.0, 1, 7, "budi", None, "pppoe", "accept", "accepted", f"d{number}", 5, None, compiled)
    return Record(*values)._replace(**over)


def elements(folder: Path) -> list[Any]:
    lines = [line for path in sorted(folder.glob("access-*.jsonl")) for line in path.read_bytes().splitlines()]
    return [element for line in lines for element in json.loads(line)]


def test_a_receipt_is_written_once_for_all_logins_of_a_decision_and_each_record_names_it(
    records: AccessRecords, tmp_path: Path
) -> None:
    first = a_record(GOOD_STANDING)
    for number in range(5):
        records.add(first._replace(decision_id=f"d{number}"))

    records.flush(float("inf"))

    receipt, *rows = elements(tmp_path)
    assert receipt["tenant_id"] == 1
    assert receipt["body"]["profile"]["subscription_id"] == 5
    assert [row[11] for row in rows] == [[receipt["receipt"], NOW.timestamp()]] * 5


def test_a_receipt_still_in_use_is_written_again_after_a_week(records: AccessRecords, tmp_path: Path) -> None:
    first = a_record(GOOD_STANDING)
    records.add(first)
    records.flush(float("inf"))
    records.add(first._replace(decided_at=100.0 + 6 * 86_400))
    records.add(first._replace(decided_at=100.0 + 8 * 86_400))
    records.flush(float("inf"))

    receipts = [item["receipt"] for item in elements(tmp_path) if isinstance(item, dict)]
    assert len(receipts) == 2
    assert len(set(receipts)) == 1


def test_a_crowd_of_new_decisions_is_recorded_at_once_and_its_receipts_follow(
    records: AccessRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records._saved_s = 0.0
    monkeypatch.setattr("radius.records.RECEIPTS_SHARE", 0.0)
    records.add(a_record(GOOD_STANDING))

    records.flush(float("inf"))
    assert [type(item) for item in elements(tmp_path)] == [list]

    monkeypatch.setattr("radius.records.RECEIPTS_SHARE", 1.0)
    records.flush(float("inf"))
    assert [type(item) for item in elements(tmp_path)] == [list, dict]
    assert elements(tmp_path)[0][11][0] == elements(tmp_path)[1]["receipt"]


def test_a_receipt_that_cannot_be_made_keeps_no_record_from_being_written(tmp_path: Path) -> None:
    complaints: list[str] = []
    records = AccessRecords(tmp_path, complaints.append)
    profile: Any = replace(GOOD_STANDING, ip_pool=b"bytes")
    compiled = replace(compile_profile(GOOD_STANDING, "pppoe", NOW, bytes.decode), profile=profile)
    records.add(a_record(GOOD_STANDING, compiled=compiled))
    records.add(a_record(GOOD_STANDING, 2))

    assert records.flush(float("inf")) == 2
    assert [type(item) for item in elements(tmp_path)] == [dict, list, list]
    assert complaints == ["receipt not made: TypeError: Type is not JSON serializable: bytes"]


def test_no_line_is_longer_than_the_collector_takes(records: AccessRecords, tmp_path: Path) -> None:
    for number in range(400):
        name = "\x01" * 250
        records.add(a_record(replace(GOOD_STANDING, subscription_id=number + 1), number, username=name))

    records.flush(float("inf"))

    (path,) = tmp_path.glob("access-*.jsonl")
    assert max(len(line) for line in path.read_bytes().splitlines()) < 256 * 1024
    assert len(elements(tmp_path)) == 800
