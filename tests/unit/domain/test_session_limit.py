"""Which sessions make room for one more device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.session_limit import to_end

SESSIONS = {"1": "A", "2": "B", "3": "A", "4": None, "5": "C"}


@pytest.mark.parametrize(
    ("mac", "room", "wanted"),
    [
        ("D", 4, ()),
        ("D", 3, ("1", "3")),
        ("D", 2, ("1", "3", "2")),
        ("D", 0, ("1", "3", "2", "4", "5")),
        ("A", 3, ()),
        ("A", 2, ("2",)),
        (None, 3, ("1", "3")),
        ("D", -1, ("1", "3", "2", "4", "5")),
    ],
)
def test_the_oldest_device_makes_room_with_all_its_sessions(
    mac: str | None, room: int, wanted: tuple[str, ...]
) -> None:
    assert to_end(SESSIONS, mac, room=room) == wanted


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from(["A", "B", "C", None])),
    st.sampled_from(["A", "B", None]),
    st.integers(0, 5),
)
def test_no_more_devices_stay_than_there_is_room_for_and_none_ends_without_need(
    sessions: dict[str, str | None], mac: str | None, room: int
) -> None:
    ended = to_end(sessions, mac, room=room)

    left = [device or unique for unique, device in sessions.items() if unique not in ended]
    others = {device for device in left if device != mac}
    assert len(others) <= room
    assert not ended or len(others) == room
    assert all(sessions[unique] is None or sessions[unique] != mac for unique in ended)
