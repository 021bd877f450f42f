"""A spool line becomes a record, whatever a router or an attacker put into it."""

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting import records
from accounting.records import Malformed, Record, parse_line, parse_with_care, salvage
from domain.sessions import INTERIM, SECOND_US, START, STOP

HEAD = b"1790000000.000123 10.0.0.1 "


def line(**over: object) -> bytes:
    attributes = {
        "User-Name": "budi",
        "Acct-Session-Id": "81000001",
        "Acct-Status-Type": "Interim-Update",
        "Acct-Session-Time": 300,
        "Acct-Input-Octets": 5,
        "Acct-Output-Octets": 7,
    } | {name.replace("_", "-"): value for name, value in over.items()}
    return HEAD + json.dumps({name: value for name, value in attributes.items() if value is not None}).encode()


def test_an_interim_is_read_whole() -> None:
    record = parse_line(line(Acct_Output_Gigawords=2, Class="0x" + b"lts1:12:1:ab".hex()))
    assert (record.received_us, record.source, record.session_id) == (1_790_000_000_000_123, "10.0.0.1", "81000001")
    packet = record.packet
    assert packet is not None
    assert (packet.kind, packet.upload_bytes, packet.download_bytes) == (INTERIM, 5, (2 << 32) + 7)
    assert packet.has_gigawords
    assert records.class_parts(record.class_text) == (12, 1, "ab", False)
    assert records.readable_class(record.attributes) == "lts1:12:1:ab"


@pytest.mark.parametrize(("told", "kind"), [("Start", START), ("Stop", STOP), ("Alive", INTERIM)])
def test_kinds_are_known_by_name(told: str, kind: str) -> None:
    packet = parse_line(line(Acct_Status_Type=told)).packet
    assert packet is not None
    assert packet.kind == kind


def test_accounting_on_and_off_speak_of_the_router() -> None:
    assert parse_line(line(Acct_Status_Type="Accounting-On", Acct_Session_Id=None)).packet is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_a_record"),
        (b"no json here", "not_a_record"),
        (HEAD + b'{"User-Name":"a', "not_json"),
        (HEAD + b"[1,2]", "not_a_record"),
        (b'x.1 10.0.0.1 {"Acct-Status-Type":"Start"}', "bad_receive_time"),
        (line(Acct_Status_Type="Failed"), "unknown_status"),
        (line(Acct_Status_Type={"a": 1}), "unknown_status"),
        (line(Acct_Session_Id=None), "no_session_id"),
        (line(Acct_Session_Id=17), "no_session_id"),
        (line(Acct_Session_Time="0x01"), "bad_number: Acct-Session-Time"),
        (line(Acct_Input_Octets=-1), "bad_number: octets"),
        (line(Acct_Input_Octets=2**32), "bad_number: octets"),
        (line(Acct_Input_Octets="4294967296"), "bad_number: octets"),
        (line(Acct_Input_Octets="five"), "bad_number: octets"),
        (line(Acct_Input_Gigawords=2**31), "absurd_count: Gigawords"),
    ],
)
def test_what_is_no_record_is_named(raw: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parse_line(raw)


def test_numbers_are_read_as_text_too() -> None:
    """As Python is handed them inside FreeRADIUS."""
    told = {"Acct_Session_Time": "300", "Acct_Input_Octets": "5", "Acct_Output_Octets": "7", "Acct_Delay_Time": "2"}
    by_text, by_number = parse_line(line(**told)), parse_line(line(Acct_Delay_Time=2))
    assert (by_text.packet, by_text.sent_us) == (by_number.packet, by_number.sent_us)
    assert by_text.packet is not None
    assert by_text.packet.upload_bytes == 5


@pytest.mark.parametrize("name", ["null", "300", "true", "1e3", "-0"])
def test_a_name_that_looks_like_something_else_stays_a_name(name: str) -> None:
    record = parse_line(line(User_Name=name, Acct_Session_Id=name))
    assert (record.username, record.session_id, record.attributes["User-Name"]) == (name, name, name)


def test_bytes_that_are_not_utf8_survive_as_text() -> None:
    record = parse_line(line(User_Name="Jos").replace(b'"Jos"', b'"Jos\xe9"'))
    assert records.text(record.attributes, "User-Name") == "Jos\\xe9"
    assert record.packet is not None
    assert record.packet.download_bytes == 7


def test_values_lose_both_layers_of_escapes_that_freeradius_puts_on() -> None:
    told = {
        b"a\\\\\\/b": "a/b",
        b'a\\\\\\"b': 'a"b',
        b"a\\\\\\\\b": "a\\b",
        b"a\\\\nb": "a\nb",
        b"2001:db8::\\\\\\/64": "2001:db8::/64",
        b"x\\\\\\/\xff": "x/\\xff",
        b"z\\\\u0000": "z\\x00",
    }
    for raw, meant in told.items():
        assert parse_line(line().replace(b"budi", raw)).attributes["User-Name"] == meant


def test_a_nul_and_a_lone_surrogate_survive_as_text() -> None:
    record = parse_line(line().replace(b'"budi"', b'"a\\u0000b\\ud800"'))
    assert records.text(record.attributes, "User-Name") == "a\\x00b\\xd800"


def test_raw_control_characters_do_not_lose_the_record() -> None:
    assert parse_line(line().replace(b'"budi"', b'"a\x01b"')).attributes["User-Name"] == "a\x01b"


def test_text_is_bounded() -> None:
    record = parse_line(line(User_Name="x" * 100_000))
    assert len(records.text(record.attributes, "User-Name") or "") == records.MAX_TEXT


def test_the_first_of_several_values_counts() -> None:
    record = parse_line(line(Acct_Session_Time=[300, 400], User_Name=["a", "b"]))
    assert record.packet is not None
    assert record.packet.session_time_s == 300
    assert records.text(record.attributes, "User-Name") == "a"


def test_our_class_is_found_among_others() -> None:
    ours = "0x" + b"lts1:7:0:cafe".hex()
    assert parse_line(line(Class=["0x61693a31", ours])).class_text == ours
    assert parse_line(line(Class="0x61693a31")).class_text == ""


@pytest.mark.parametrize(
    "made_up", [b"lts1:", b"lts1:x:0:a", b"lts1:1:0", b"lts1:-1:0:a", b"lts1:1:0:\xff", b"lts1:1:0:'"]
)
def test_a_made_up_class_names_nobody(made_up: bytes) -> None:
    assert records.class_parts("0x" + made_up.hex()) is None


def test_event_timestamp_is_read_as_freeradius_writes_it() -> None:
    record = parse_line(line(Event_Timestamp="Sep 21 2026 14:12:20 UTC"))
    assert record.packet is not None
    assert record.packet.occurred_us % SECOND_US == 0
    assert abs(record.packet.occurred_us - record.received_us) < 300 * SECOND_US


def test_a_stamp_in_an_unknown_zone_is_not_believed() -> None:
    record = parse_line(line(Event_Timestamp="Sep 21 2026 14:12:20 XYZ"))
    assert record.packet is not None
    assert record.packet.occurred_us == record.received_us


def test_a_whole_record_behind_a_torn_one_is_saved() -> None:
    torn = line()[:60]
    saved = salvage(torn + line())
    assert saved is not None
    assert (saved[0], saved[1].session_id) == (torn, "81000001")


def test_a_crafted_name_in_a_torn_line_forges_no_record() -> None:
    crafted = line(User_Name=(HEAD + b'{"Acct-Status-Type":"Start","Acct-Session-Id":"1"}').decode())
    assert salvage(crafted[:-5]) is None


@given(raw=st.binary(max_size=300))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    for candidate in (raw, HEAD + raw, HEAD + b"{" + raw + b"}"):
        try:
            parse_line(candidate)
        except Malformed:
            salvage(candidate)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    attributes=st.dictionaries(
        st.sampled_from(
            ["Acct-Status-Type", "Acct-Session-Id", "Acct-Session-Time", "Class", "Acct-Delay-Time", "Event-Timestamp",
             "Acct-Input-Octets", "Acct-Input-Gigawords", "User-Name", "Framed-IP-Address"]
        ),
        JSON | st.sampled_from(["Start", "Stop", "Interim-Update", "0x6c7473313a"]),
    )
)  # fmt: skip
def test_no_attributes_raise_anything_else(attributes: dict[str, object]) -> None:
    raw = HEAD + json.dumps(attributes).encode()
    try:
        record = parse_line(raw)
    except Malformed:
        return
    records.readable_class(record.attributes)
    records.class_parts(record.class_text)
    records.address_of(record.attributes, "Framed-IP-Address")


NUMBERS = st.integers(0, 2**33) | st.integers(0, 2**33).map(str) | st.sampled_from(["3e2", "007", "-1", "", 3.0, 1e30])
VALUES = {
    "Acct-Status-Type": st.sampled_from(["Start", "Stop", "Interim-Update", "Alive", "Accounting-On", "Failed"]),
    "Acct-Session-Id": st.text(max_size=9),
    "User-Name": st.text(max_size=9),
    "Class": st.sampled_from(["0x" + b"lts1:7:0:cafe".hex(), "0x00", "0x" + "6c7473313a" * 500]),
    "Framed-IP-Address": st.sampled_from(["10.0.0.1", "nowhere"]),
    "Event-Timestamp": st.sampled_from(["Sep 21 2026 14:12:20 UTC", "never", 1_790_000_001]),
    "Acct-Terminate-Cause": st.text(max_size=9),
    "Connect-Info": st.text(max_size=9),
    **{f"Acct-{name}": NUMBERS for name in ("Session-Time", "Delay-Time", "Input-Octets", "Output-Octets")},
    **{f"Acct-{name}-Gigawords": st.integers(0, 2**21) | NUMBERS for name in ("Input", "Output")},
}


def outcome(read: Callable[[bytes], Record], raw: bytes) -> object:
    """Everything that a record says, or why it is none."""
    try:
        record = read(raw)
    except Malformed as error:
        return str(error)
    attributes = record.attributes
    return msgspec.structs.replace(record, read=None), attributes


@given(data=st.data(), escapes=st.booleans(), is_cut=st.booleans())
def test_both_ways_of_reading_say_the_same(data: st.DataObject, escapes: bool, is_cut: bool) -> None:
    names = [*data.draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True)), "Acct-Status-Type", "Acct-Session-Id"]
    odd = data.draw(st.sets(st.sampled_from(names), max_size=1))
    attributes = {
        name: data.draw(JSON | st.lists(VALUES[name], max_size=2) if name in odd else VALUES[name]) for name in names
    }
    text = json.dumps(attributes, ensure_ascii=escapes).encode(errors="surrogatepass")
    if is_cut:
        at = data.draw(st.integers(1, len(text) - 1))
        text = text[:at] + data.draw(st.binary(max_size=2)) + text[at + 1 :]

    assert outcome(parse_line, HEAD + text) == outcome(parse_with_care, HEAD + text)
