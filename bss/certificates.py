"""Certificates with which a subscription logs in by EAP-TLS in the place of a password, and routers by TLS.

A certificate says who somebody is, for as long as it lasts or until it is revoked; whether he may log in is decided at
each login as ever. Each that is issued is written down, its key is not.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.outcome import Changed, Effect
from bss.rows import find, locked
from bss.subscriptions.values import require_not_over
from db.models import IssuedCertificate, NasServer, Subscription
from db.queries.certificates import revoked_serials, valid_certificates_called
from domain.access import serves
from runtime import certificates

USUAL_DAYS = 365
USUAL_ROUTER_DAYS = 825
MAX_AT_ONCE = 50


def issue(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, folder: Path, days: int = USUAL_DAYS
) -> certificates.ClientCertificate:
    """Issue one for `days` days from the authority in `folder`; its password is made up and shown this once.

    Raises `Conflict` for a subscription that is over or is not for 802.1X, `Invalid` when it cannot be issued.
    """
    subscription = find(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    if not serves(subscription.connection_type, "dot1x"):
        mend = "use one whose kind of access is 802.1X"
        raise Conflict(Problem(field="", reason=f"the subscription is for {subscription.connection_type}", mend=mend))
    made = _made(folder, subscription.username, now=now, days=days)
    _keep(session, actor, made, kind="customer", subscription_id=subscription.id)
    audit.record(
        session,
        actor=actor,
        now=now,
        action="subscription.certificate_issued",
        entity=subscription,
        customer_id=subscription.customer_id,
        new={"serial": made.serial, "valid_until": made.valid_until},
    )
    return made


def issue_router(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, folder: Path, days: int = USUAL_ROUTER_DAYS
) -> certificates.ClientCertificate:
    """Issue a router's certificate for RADIUS over TLS from the authority in `folder`.

    The name in it is the router's number, which is what the server holds against the address it comes from.
    """
    router = find(session, NasServer, nas_id, actor=actor)
    made = _made(folder, str(router.id), now=now, days=days)
    _keep(session, actor, made, kind="router", nas_server_id=router.id)
    new = {"serial": made.serial, "valid_until": made.valid_until}
    audit.record(session, actor=actor, now=now, action="nas.certificate_issued", entity=router, new=new)
    return made


def revoke(
    session: Session, *, actor: Actor, now: datetime, certificate_id: int, folders: dict[str, Path]
) -> Changed[IssuedCertificate]:
    """Put it on the list of revoked ones, which is signed anew in the folder of its kind, and end the sessions of its
    subscription. The servers hear of it at once; the list is what FreeRADIUS itself reads at its start.
    """
    row = locked(session, IssuedCertificate, certificate_id, actor=actor)
    if row.revoked_at is not None:
        return Changed(row=row)
    old, new = audit.set_fields(row, {"revoked_at": now, "revoked_by": actor.name})
    audit.record(session, actor=actor, now=now, action="certificate.revoked", entity=row, old=old, new=new)
    session.flush()
    _write_list(session, folders[row.kind], row.kind, now)
    return Changed(row=row, effect=_end_sessions(session, actor, now, row))


def revoke_called(
    session: Session, *, actor: Actor, now: datetime, text: str, folders: dict[str, Path]
) -> Sequence[Changed[IssuedCertificate]]:
    """The same for the certificate with that serial, or for every valid one of that name; there must be one."""
    rows = valid_certificates_called(session, text, tenant_id=actor.tenant_id, now=now, limit=MAX_AT_ONCE)
    if not rows:
        mend = "look at the list of certificates"
        raise NotFound(Problem(field="", reason="there is no valid certificate of that serial or name", mend=mend))
    return [revoke(session, actor=actor, now=now, certificate_id=row.id, folders=folders) for row in rows]


def _made(folder: Path, name: str, *, now: datetime, days: int) -> certificates.ClientCertificate:
    lasts = fields.whole(days, field="days", least=1, most=certificates.MAX_CLIENT_DAYS)
    try:
        certificates.ensure(folder, now=now)
        return certificates.issue_client(folder, name, now=now, days=lasts, password=fields.new_password())
    except certificates.CertificateError as error:
        raise Invalid(Problem(field="", reason="the certificate cannot be issued", mend=str(error))) from None


def _keep(session: Session, actor: Actor, made: certificates.ClientCertificate, *, kind: str, **holder: int) -> None:
    row = IssuedCertificate(
        tenant_id=actor.tenant_id,
        kind=kind,
        serial=made.serial,
        name=made.name,
        valid_until=made.valid_until,
        issued_by=actor.name,
        **holder,
    )
    session.add(row)
    session.flush()


def _write_list(session: Session, folder: Path, kind: str, now: datetime) -> None:
    try:
        certificates.write_crl(folder, revoked_serials(session, kind=kind, now=now), now=now)
    except certificates.CertificateError as error:
        raise Invalid(Problem(field="", reason="the list cannot be signed here", mend=str(error))) from None


def _end_sessions(session: Session, actor: Actor, now: datetime, row: IssuedCertificate) -> Effect:
    if row.subscription_id is None:
        return Effect()
    ids = [row.subscription_id]
    return network.disconnect(session, actor=actor, now=now, reason="device_change", subscription_ids=ids)
