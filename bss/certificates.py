"""Certificates with which a subscription logs in by EAP-TLS in the place of a password.

A certificate says who somebody is, for as long as it lasts; whether he may log in is decided at each login as ever.
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem
from bss.rows import find
from bss.subscriptions.values import require_not_over
from db.models import Subscription
from domain.access import serves
from runtime import certificates

USUAL_DAYS = 365


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
    lasts = fields.whole(days, field="days", least=1, most=certificates.MAX_CLIENT_DAYS)
    try:
        made = certificates.issue_client(
            folder, subscription.username, now=now, days=lasts, password=fields.new_password()
        )
    except certificates.CertificateError as error:
        raise Invalid(Problem(field="", reason="the certificate cannot be issued", mend=str(error))) from None
    audit.record(
        session,
        actor=actor,
        now=now,
        action="subscription.certificate_issued",
        entity=subscription,
        customer_id=subscription.customer_id,
        new={"valid_until": made.valid_until},
    )
    return made
