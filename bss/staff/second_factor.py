"""The second thing that staff prove besides the password: an app's code, a recovery code, or a passkey.

A passkey that the authenticator unlocked with a finger, face or PIN is both things at once. Codes of an app are RFC
6238; each is taken once. The secret is encrypted at rest, recovery codes are kept as hashes, of a passkey only the
public key.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from passlib.exc import TokenError
from passlib.totp import TOTP
from sqlalchemy.orm import Session
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.outcome import Changed, Issued
from bss.staff.users import locked_user
from db.models import Passkey, User
from db.queries.settings import read_settings, write_setting
from db.queries.signing_in import count_passkeys, end_sessions, lock_passkey, passkeys_of
from domain.codes import READABLE

ISSUER = "Lintas"
STEP_S = 30
RECOVERY_CODES = 10
MAX_PASSKEYS = 20
MAX_ANSWER_BYTES = 20_000
SETTING = "signing_in."


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where a passkey is asked for: the host it is bound to, and the origin that the browser must name."""

    host: str
    origin: str


def has_one(session: Session, user: User) -> bool:
    """Whether the user has a second factor."""
    return user.totp_step is not None or count_passkeys(session, user.id) > 0


def is_required(session: Session, user: User) -> bool:
    """Whether one of the user's roles asks for it."""
    return bool(roles_that_require(session, tenant_id=user.tenant_id) & {role.name for role in user.roles})


def roles_that_require(session: Session, *, tenant_id: int) -> frozenset[str]:
    """The names of the roles whose members need a second factor."""
    value = read_settings(session, tenant_id=tenant_id, prefix=SETTING).get("second_factor_roles")
    return frozenset(str(name) for name in value) if isinstance(value, list) else frozenset()


def require_for_role(session: Session, *, actor: Actor, now: datetime, role: Any, is_required: bool) -> None:
    """Ask a role's members for a second factor from their next page on, or no longer."""
    before = roles_that_require(session, tenant_id=actor.tenant_id)
    after = before | {role.name} if is_required else before - {role.name}
    if before == after:
        return
    write_setting(session, tenant_id=actor.tenant_id, key=f"{SETTING}second_factor_roles", value=sorted(after))
    old, new = {"second_factor": not is_required}, {"second_factor": is_required}
    audit.record(session, actor=actor, now=now, action="role.second_factor", entity=role, old=old, new=new)
    session.flush()


def new_totp_secret() -> str:
    """A secret for an authenticator app, 160 bits in base32."""
    return str(TOTP.new(size=20).base32_key)


def totp_address(secret: str, *, email: str) -> str:
    """What the QR code says: an `otpauth://` address."""
    return str(TOTP(key=secret, format="base32").to_uri(label=email, issuer=ISSUER))


def enrol_totp(session: Session, *, actor: Actor, now: datetime, user_id: int, secret: str, code: str) -> Issued[User]:
    """Take an app's first code as the proof that it has the secret; the answer's secret are the recovery codes."""
    user = locked_user(session, user_id, actor=actor)
    step = _step_of(secret, code, now, last=None)
    if step is None:
        mend = "type the one that the app shows now; is the clock of your phone right?"
        raise Invalid(Problem(field="code", reason="is not the app's code", mend=mend))
    user.totp_secret, user.totp_step = secret, step
    codes = _give_recovery_codes(user)
    audit.record(session, actor=actor, now=now, action="user.totp_added", entity=user)
    session.flush()
    return Issued(row=user, secret=codes)


def renew_recovery_codes(session: Session, *, actor: Actor, now: datetime, user_id: int) -> Issued[User]:
    """New recovery codes; the old ones open nothing from now on."""
    user = locked_user(session, user_id, actor=actor)
    if not has_one(session, user):
        raise Conflict(Problem(field="", reason="there is no second factor yet", mend="set up an app or a passkey"))
    codes = _give_recovery_codes(user)
    audit.record(session, actor=actor, now=now, action="user.recovery_codes_made", entity=user)
    session.flush()
    return Issued(row=user, secret=codes)


def remove_totp(session: Session, *, actor: Actor, now: datetime, user_id: int) -> Changed[User]:
    """No longer ask for an app's code; without a passkey the recovery codes go as well."""
    user = locked_user(session, user_id, actor=actor)
    if user.totp_step is not None:
        user.totp_secret = user.totp_step = None
        _drop_codes_without_factor(session, user)
        audit.record(session, actor=actor, now=now, action="user.totp_removed", entity=user)
    session.flush()
    return Changed(row=user)


def remove_all(session: Session, *, actor: Actor, now: datetime, user_id: int) -> Changed[User]:
    """For somebody who lost them: take app, passkeys and recovery codes away and end all sessions."""
    user = locked_user(session, user_id, actor=actor)
    keys = passkeys_of(session, user.id)
    for key in keys:
        session.delete(key)
    had = {"totp": user.totp_step is not None, "passkeys": len(keys)}
    user.totp_secret = user.totp_step = None
    user.recovery_codes = []
    end_sessions(session, user.id, now)
    audit.record(session, actor=actor, now=now, action="user.second_factor_removed", entity=user, old=had)
    session.flush()
    return Changed(row=user)


def check_code(session: Session, *, user_id: int, tenant_id: int, code: str, now: datetime) -> str | None:
    """Whether it is the app's code ("totp") or one of the recovery codes; either is taken once. None is neither."""
    actor = Actor.system(tenant_id=tenant_id, name="sign-in")
    user = locked_user(session, user_id, actor=actor)
    bare = "".join(letter for letter in code if letter.isalnum()).lower()[:40]
    if bare.isdecimal() and len(bare) == 6:
        return _take_step(user, bare, now)
    wanted = _hash(bare)
    left = [known for known in user.recovery_codes if not hmac.compare_digest(known, wanted)]
    if not bare or len(left) == len(user.recovery_codes):
        return None
    user.recovery_codes = left
    whose = Actor.of_user(user)
    audit.record(session, actor=whose, now=now, action="user.recovery_code_used", entity=user, new={"left": len(left)})
    session.flush()
    return "recovery_code"


def passkey_options(session: Session, *, user: User, site: Site) -> tuple[str, bytes]:
    """What the browser needs to make a passkey (JSON), and the challenge to hold its answer against."""
    known = [PublicKeyCredentialDescriptor(id=key.credential_id) for key in passkeys_of(session, user.id)]
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=ISSUER,
        user_id=_handle(user),
        user_name=user.email,
        user_display_name=user.name,
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return options_to_json(options), options.challenge


def add_passkey(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    user_id: int,
    name: str,
    answer: str,
    challenge: bytes,
    site: Site,
) -> Issued[Passkey]:
    """Keep a passkey that was just made; the secret of the answer are recovery codes when these are the first."""
    user = locked_user(session, user_id, actor=actor)
    if count_passkeys(session, user.id) >= MAX_PASSKEYS:
        raise Conflict(Problem(field="", reason=f"has {MAX_PASSKEYS} passkeys already", mend="remove one first"))
    try:
        made = verify_registration_response(
            credential=_parsed(answer),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        raise Invalid(Problem(field="", reason="the passkey was not made", mend="try it once more")) from None
    key = Passkey(
        tenant_id=user.tenant_id,
        user_id=user.id,
        name=fields.text(name, field="name", longest=100, required=True),
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        transports=_transports(answer),
    )
    session.add(key)
    session.flush()
    codes = "" if user.recovery_codes else _give_recovery_codes(user)
    audit.record(session, actor=actor, now=now, action="user.passkey_added", entity=user, new={"name": key.name})
    session.flush()
    return Issued(row=key, secret=codes)


def remove_passkey(session: Session, *, actor: Actor, now: datetime, user_id: int, passkey_id: int) -> Changed[User]:
    """Take one passkey away."""
    user = locked_user(session, user_id, actor=actor)
    key = next((one for one in passkeys_of(session, user.id) if one.id == passkey_id), None)
    if key is None:
        raise NotFound(Problem(field="", reason="there is no such passkey"))
    session.delete(key)
    session.flush()
    _drop_codes_without_factor(session, user)
    audit.record(session, actor=actor, now=now, action="user.passkey_removed", entity=user, old={"name": key.name})
    session.flush()
    return Changed(row=user)


def ask_passkey(*, site: Site, keys: Sequence[Passkey] = ()) -> tuple[str, bytes]:
    """What the browser needs to ask for a passkey (JSON), and the challenge. Without `keys` it offers what it has."""
    options = generate_authentication_options(
        rp_id=site.host,
        allow_credentials=[PublicKeyCredentialDescriptor(id=key.credential_id) for key in keys],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options), options.challenge


def check_passkey(
    session: Session, *, answer: str, challenge: bytes, site: Site, now: datetime, user_id: int | None = None
) -> User | None:
    """Whose passkey answered the challenge rightly, of whatever provider; with `user_id` it must be that user's."""
    try:
        parsed = _parsed(answer)
        key = lock_passkey(session, _unbase64(str(parsed.get("rawId", ""))))
        if key is None or user_id not in (None, key.user_id) or not key.user.active:
            return None
        checked = verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return None
    key.sign_count, key.last_used_at = checked.new_sign_count, now
    session.flush()
    return key.user


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_ANSWER_BYTES:
        raise ValueError("too long")
    parsed = json.loads(answer)
    # Anything else names no passkey either.
    return parsed if isinstance(parsed, dict) else {}


def _transports(answer: str) -> list[str]:
    response = _parsed(answer).get("response")
    named = response.get("transports") if isinstance(response, dict) else None
    return [str(one)[:20] for one in named][:8] if isinstance(named, list) else []


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _handle(user: User) -> bytes:
    # What an authenticator stores beside the key; it says nothing about the person.
    return hashlib.sha256(f"lintas user {user.id}".encode()).digest()


def _take_step(user: User, code: str, now: datetime) -> str | None:
    if user.totp_secret is None:
        return None
    step = _step_of(user.totp_secret, code, now, last=user.totp_step)
    if step is None:
        return None
    user.totp_step = step
    return "totp"


def _step_of(secret: str, code: str, now: datetime, *, last: int | None) -> int | None:
    """The half minute whose code it is: this one, the one before or after, never one that was taken already."""
    bare = "".join(letter for letter in code if not letter.isspace())
    try:
        match = TOTP(key=secret, format="base32").match(bare, time=now, window=STEP_S, last_counter=last)
    except (TokenError, ValueError):
        return None
    return int(match.counter)


def _give_recovery_codes(user: User) -> str:
    """Ten new codes, a line each; only their hashes are kept."""
    codes = ["".join(secrets.choice(READABLE) for _ in range(12)) for _ in range(RECOVERY_CODES)]
    user.recovery_codes = [_hash(code) for code in codes]
    return "\n".join(f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes)


def _drop_codes_without_factor(session: Session, user: User) -> None:
    if not has_one(session, user):
        user.recovery_codes = []


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
