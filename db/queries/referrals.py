"""Rewards for recommending customers."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Payment, ReferralReward

SHOWN = 100


def standing_reward(session: Session, referred_id: int) -> ReferralReward | None:
    """The reward that was given for a customer."""
    return session.scalar(
        select(ReferralReward).where(ReferralReward.referred_id == referred_id, ReferralReward.reversed_at.is_(None))
    )


def reward_by(session: Session, payment_id: int) -> ReferralReward | None:
    """The reward that a payment brought and that stands, locked."""
    return session.scalar(
        select(ReferralReward)
        .where(ReferralReward.payment_id == payment_id, ReferralReward.reversed_at.is_(None))
        .with_for_update()
    )


def has_paid_before(session: Session, payment: Payment) -> bool:
    """Whether the customer has another payment that stands, single sales left out."""
    found = session.scalar(
        select(Payment.id)
        .where(
            Payment.customer_id == payment.customer_id,
            Payment.id != payment.id,
            Payment.status == "completed",
            Payment.purpose.not_in(("other", "voucher")),
        )
        .limit(1)
    )
    return found is not None


def rewards_of(session: Session, customer_id: int) -> Sequence[ReferralReward]:
    """What a customer got for recommending others, the newest first."""
    return session.scalars(
        select(ReferralReward)
        .where(ReferralReward.customer_id == customer_id)
        .order_by(ReferralReward.id.desc())
        .limit(SHOWN)
    ).all()
