"""Through which routers the subscription may be used."""

from domain.access import place_reason
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """Another router or group than the one the subscription is bound to."""
    return place_reason(login.profile, login.place.nas_server_id, login.place.nas_group_id)


def sees(login: Login) -> dict[str, object]:
    """The router asked through, and what the subscription is bound to."""
    return {
        "nas_server_id": login.place.nas_server_id,
        "nas_group_id": login.place.nas_group_id,
        "nas_binding": login.profile.nas_binding,
        "bound_nas_server_id": login.profile.nas_server_id,
        "bound_nas_group_id": login.profile.nas_group_id,
    }
