"""Which sessions end when one more device comes in than may be online.

A device counts once, however many sessions of it run; a session whose device is not known counts by itself. Knows
sessions by id and device only, oldest first.
"""

from collections.abc import Mapping


def to_end(sessions: Mapping[str, str | None], mac: str | None, *, room: int) -> tuple[str, ...]:
    """The oldest sessions of devices other than `mac` that must end so that at most `room` such devices stay online.

    `sessions` are ids with their device, oldest first; a session without a device never is `mac`'s.
    """
    by_device: dict[str, list[str]] = {}
    for unique_id, device in sessions.items():
        if device is None or device != mac:
            by_device.setdefault(device or unique_id, []).append(unique_id)
    too_many = max(0, len(by_device) - max(0, room))
    return tuple(unique_id for device in list(by_device)[:too_many] for unique_id in by_device[device])
