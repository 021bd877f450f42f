"""One order, carried out on a router that answers. Knows what is wanted and the router's tables, and no database.

Every step looks first, so that an order which was cut off in the middle is simply carried out again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.router_order import END_SESSIONS, FORGET_DEVICE, LIST_ENTRY, QUEUE
from domain.router_secret import Secret, is_ours, profile_among
from routeros import Router
from routeros.wanted import HotspotUserWanted, ListEntryWanted, QueueWanted, SecretWanted

ABSENT, REMOVED, LEFT, ENDED = "absent", "removed", "left", "ended"


class NotThere(Exception):
    """Something that the order needs is not on the router; `str()` says what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What is to be done for one order. For a secret: what is wanted, None for none.

    `removes_any` also takes away what somebody typed by hand; otherwise only entries with our mark go.
    """

    kind: str
    key: str
    arguments: Mapping[str, Any]
    secret: Secret | None = None
    removes_any: bool = False
    state_only: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What it came to, and under which profile a secret is there now."""

    result: str
    profile: str = ""


class Conversation:
    """A router for some orders in a row: what they all need is read once."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._ppp_profiles: list[str] | None = None
        self._hotspot_profiles: list[str] | None = None

    def carry_out(self, step: Step) -> Done:
        """Do it; raises `RouterApiError`, or `NotThere`."""
        if step.kind == QUEUE:
            return Done(result=self._queue(step))
        if step.kind == LIST_ENTRY:
            return Done(result=self._list_entry(step))
        if step.kind == FORGET_DEVICE:
            removed = self._router.forget_device(step.key)
            return Done(result=REMOVED if any(removed.values()) else ABSENT)
        if step.kind == END_SESSIONS:
            return Done(result=ENDED if self._end_sessions(step.key) else ABSENT)
        return self._secret(step)

    def _queue(self, step: Step) -> str:
        if step.arguments.get("remove"):
            return REMOVED if self._router.remove_queue(step.key) else ABSENT
        return self._router.put_queue(QueueWanted(name=step.key, **step.arguments["wanted"]))

    def _list_entry(self, step: Step) -> str:
        wanted = ListEntryWanted(**step.arguments["wanted"])
        if step.arguments.get("remove"):
            return REMOVED if self._router.remove_list_entry(wanted.list, wanted.address) else ABSENT
        return self._router.put_list_entry(wanted)

    def _end_sessions(self, username: str, *, local_only: bool = False) -> bool:
        ppp = [row for row in self._router.ppp_active(name=username) if not (local_only and row.is_radius)]
        hotspot = [row for row in self._router.hotspot_active(user=username) if not (local_only and row.is_radius)]
        ended = [self._router.end_ppp(row.id) for row in ppp]
        ended += [self._router.end_hotspot(row.id) for row in hotspot]
        return any(ended)

    # --- secrets --------------------------------------------------------------------------------------------------

    def _secret(self, step: Step) -> Done:
        if step.state_only is not None:
            return self._state(step.key, is_disabled=step.state_only)
        if step.secret is None:
            return self._without(step)
        # It may have been of the other kind before.
        self._remove(step.key, any_of_them=False, hotspot=step.secret.service != "hotspot")
        profile, result = self._put(step.secret)
        if step.secret.is_disabled and result != "equal":
            # RADIUS's sessions are ended by whoever knows them.
            self._end_sessions(step.key, local_only=True)
        return Done(result=result, profile=profile)

    def _state(self, username: str, *, is_disabled: bool) -> Done:
        there = self._router.set_ppp_secret_state(username, is_disabled=is_disabled)
        there |= self._router.set_hotspot_user_state(username, is_disabled=is_disabled)
        if is_disabled:
            self._end_sessions(username, local_only=True)
        return Done(result="changed" if there else ABSENT)

    def _without(self, step: Step) -> Done:
        results = {self._remove(step.key, any_of_them=step.removes_any, hotspot=kind) for kind in (False, True)}
        if REMOVED in results:
            self._end_sessions(step.key, local_only=True)
        return Done(result=next(word for word in (REMOVED, LEFT, ABSENT) if word in results))

    def _remove(self, username: str, *, any_of_them: bool, hotspot: bool) -> str:
        router = self._router
        found: list[Any] = list(router.hotspot_users(name=username) if hotspot else router.ppp_secrets(name=username))
        if not found:
            return ABSENT
        if not any_of_them and not all(is_ours(row.comment) for row in found):
            return LEFT
        removed = router.remove_hotspot_user(username) if hotspot else router.remove_ppp_secret(username)
        return REMOVED if removed else ABSENT

    def _put(self, secret: Secret) -> tuple[str, str]:
        is_hotspot = secret.service == "hotspot"
        profile = profile_among(secret, self._profiles(hotspot=is_hotspot))
        if profile is None:
            raise NotThere(f"the router has no profile {secret.profiles[0]!r}")
        if is_hotspot:
            return profile, self._router.put_hotspot_user(hotspot_user_of(secret, profile))
        return profile, self._router.put_ppp_secret(ppp_secret_of(secret, profile))

    def _profiles(self, *, hotspot: bool) -> list[str]:
        if hotspot:
            self._hotspot_profiles = self._hotspot_profiles or self._router.hotspot_profiles()
            return self._hotspot_profiles
        self._ppp_profiles = self._ppp_profiles or [row.name for row in self._router.ppp_profiles()]
        return self._ppp_profiles


def ppp_secret_of(secret: Secret, profile: str) -> SecretWanted:
    """As the router's table has it."""
    return SecretWanted(
        name=secret.username,
        password=secret.password,
        service=secret.service,
        profile=profile,
        local_address=secret.local_address,
        remote_address=secret.remote_address,
        comment=secret.comment,
        is_disabled=secret.is_disabled,
    )


def hotspot_user_of(secret: Secret, profile: str) -> HotspotUserWanted:
    """As the router's table has it."""
    return HotspotUserWanted(
        name=secret.username,
        password=secret.password,
        profile=profile,
        address=secret.remote_address,
        mac=secret.mac,
        comment=secret.comment,
        is_disabled=secret.is_disabled,
    )
