"""The receipt of a compiled decision: what was known, which rules looked at what, and what came of it.

It is the same for every login of that decision, so it is made once, when the first of them is recorded. With the few
values of the moment that each record carries, the decision can be told in full, and made again without any table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Protocol

import orjson

from domain.access import AccessProfile, session_seconds
from domain.hiding import shown
from domain.mac import normalise_mac
from domain.service import device_of
from radius.compiled import FOREVER, Compiled, decide, moment
from radius.pairs import Pair, session_timeout_pair
from radius.policies import compiled_steps, steps_of_the_moment
from radius.policies.types import Login, Place, Step
from radius.snapshot import plain, restore, snapshot

FORMAT = 1


def receipt_of(compiled: Compiled) -> bytes:
    """A compiled decision as JSON; it holds no password, and takes about as long as compiling did."""
    profile = compiled.profile
    place = Place(vendor=compiled.vendor)
    login = Login(profile=profile, service=compiled.service, now=moment(compiled.compiled_at), place=place)
    return orjson.dumps(
        {
            "format": FORMAT,
            "service": compiled.service,
            "vendor": compiled.vendor,
            "profile": snapshot(profile),
            "rules": [[step.rule, step.values, step.refusal] for step in compiled_steps(login)],
            "refusal": compiled.refusal,
            "reason": compiled.reason,
            "reply": _shown(compiled.pairs),
            "session_timeout_s": compiled.session_timeout_s,
            "ends_at": None if compiled.ends_at == FOREVER else compiled.ends_at,
        },
        default=plain,
    )


def _shown(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple((name, *rest[:-1], shown(name, rest[-1])) for name, *rest in pairs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A receipt read back. `rules` are the steps written down when the decision was compiled."""

    profile: AccessProfile
    service: str
    vendor: str
    rules: tuple[Step, ...]
    refusal: str | None
    reason: str
    reply: tuple[Pair, ...]
    session_timeout_s: int | None
    ends_at: float | None


def read_receipt(body: Mapping[str, Any]) -> Told:
    """A receipt from its stored text; raises `ValueError` when this version cannot read it."""
    if body.get("format") != FORMAT:
        raise ValueError(f"a receipt of format {body.get('format')!r}; this version reads {FORMAT}")
    return Told(
        profile=restore(body["profile"]),
        service=body["service"],
        vendor=body["vendor"],
        rules=tuple(Step(rule=rule, values=values, refusal=refusal) for rule, values, refusal in body["rules"]),
        refusal=body["refusal"],
        reason=body["reason"],
        reply=tuple(tuple(pair) for pair in body["reply"]),
        session_timeout_s=body["session_timeout_s"],
        ends_at=body["ends_at"],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A decision and its way: the rules in order, the refusal or None, the reason, and the reply without Class.

    No secret is in the reply.
    """

    rules: tuple[Step, ...]
    refusal: str | None
    reason: str
    reply: tuple[Pair, ...]


def decide_in_full(login: Login) -> Outcome:
    """Run the policy for one login and tell how it went; raises `UnableToRender` when its reply cannot be said."""
    rules = compiled_steps(login)
    refusal, reason, reply = decide(login)
    if refusal is None or refusal != rules[-1].refusal:
        rules += steps_of_the_moment(login)
    return Outcome(rules=rules, refusal=refusal, reason=reason, reply=_shown(reply))


# What a record may say of the moment, in the words of `Login`.
_OF_THE_MOMENT = frozenset(item.name for item in fields(Login)) - {"profile", "service", "now", "place"}


class Kept(Protocol):
    """What the access log keeps of a decision."""

    @property
    def decided_at(self) -> datetime:
        """When."""

    @property
    def nas_server_id(self) -> int:
        """Through which router."""

    @property
    def username(self) -> str:
        """As whom."""

    @property
    def callingstationid(self) -> str | None:
        """From which device, as the router wrote it."""

    @property
    def details(self) -> dict[str, Any] | None:
        """What the rules of the moment saw."""


def login_again(told: Told, kept: Kept) -> Login:
    """The login of a record: its receipt's profile, and the values of the moment that the record carries."""
    seen = kept.details or {}
    mac = device_of(told.service, kept.username, normalise_mac(kept.callingstationid or ""))
    place = Place(nas_server_id=kept.nas_server_id, nas_group_id=seen.get("nas_group_id"), vendor=told.vendor)
    login = Login(profile=told.profile, service=told.service, now=kept.decided_at, mac=mac, place=place)
    return replace(login, **{name: value for name, value in seen.items() if name in _OF_THE_MOMENT})


def recorded(told: Told, login: Login, *, is_accepted: bool, reason: str) -> Outcome:
    """A recorded decision: the rules written down when it was compiled, then those of the moment as they saw it."""
    rules = told.rules if told.refusal is not None else told.rules + steps_of_the_moment(login)
    if not is_accepted:
        return Outcome(rules=rules, refusal=reason, reason=reason, reply=())
    if told.ends_at is None:
        return Outcome(rules=rules, refusal=None, reason=reason, reply=told.reply)
    seconds = session_seconds(told.session_timeout_s, told.ends_at - login.now.timestamp())
    return Outcome(rules=rules, refusal=None, reason=reason, reply=(session_timeout_pair(seconds or 1), *told.reply))
