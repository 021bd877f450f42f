"""Rewards for recommending: credit for the one who did when the other pays for the first time.

How much is a rule of billing; 0 is none. It is given once for each who was recommended, and taken back with the payment
that brought it. Nobody earns by his own family.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import wallet
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.books import take_back
from bss.outcome import NO_EFFECT, Effect
from db.models import Customer, Payment, ReferralReward
from db.queries.referrals import has_paid_before, reward_by, standing_reward
from db.queries.rows import lock_row
from db.scope import everybodys
from domain import books
from domain.money import rounded


def reward(session: Session, *, actor: Actor, now: datetime, payment: Payment, customer: Customer) -> Effect:
    """Give whoever recommended the locked customer his reward, if this is the first payment."""
    if customer.referred_by_id is None:
        return NO_EFFECT
    amount = rounded(rules_of(session, tenant_id=actor.tenant_id).referral_reward, payment.currency)
    if amount <= 0:
        return NO_EFFECT
    # Whose customer the other one is makes no difference to what he is promised.
    with everybodys(session):
        if standing_reward(session, customer.id) is not None or has_paid_before(session, payment):
            return NO_EFFECT
        by = lock_row(session, Customer, customer.referred_by_id, tenant_id=actor.tenant_id)
        if by is None or _head(by) == _head(customer):
            return NO_EFFECT
        row = ReferralReward(
            tenant_id=actor.tenant_id, customer_id=by.id, referred_id=customer.id, payment_id=payment.id,
            amount=amount, currency=payment.currency, given_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        done = wallet.adjust(
            session, actor=actor, now=now, customer_id=by.id, kind=books.CREDIT, amount=amount,
            description=f"for recommending {customer.customer_code}", reason="referral reward",
            key=f"referral:{row.id}",
        )  # fmt: skip
        row.entry_id = done.entry.id
        session.flush()
        return done.effect


def take_back_of(session: Session, *, actor: Actor, now: datetime, payment: Payment, reason: str) -> None:
    """Take back the reward that a payment brought; who has used it owes it."""
    with everybodys(session):
        row = reward_by(session, payment.id)
        if row is None or row.entry_id is None:
            return
        lock_row(session, Customer, row.customer_id, tenant_id=actor.tenant_id)
        take_back(session, actor=actor, now=now, entry_id=row.entry_id, description=reason, balance_word="debit")
        row.reversed_at = now
        session.flush()


def _head(customer: Customer) -> int:
    return customer.parent_customer_id or customer.id
