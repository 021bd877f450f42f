"""What the small pages about a subscription share: the question, its effect in words, and the way back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from bss import early_ending
from bss.outcome import Effect
from db.models import Subscription
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.panel.filters import language, money
from webadmin.panel.support import (
    db,
    effect_of,
    found,
    now,
    rehearse,
    render,
    tenant,
    with_follow,
)
from webadmin.security import current_actor

blueprint = Blueprint("subscriptions", __name__)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a small page asks: its words, its form, and what saying yes will do."""

    heading: str
    effect: str
    submit: str
    form: Any
    is_danger: bool = False
    hints: Mapping[str, str] | None = None


def subscription_of(subscription_id: int) -> Subscription:
    """The provider's subscription, or 404."""
    return found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))


def page_of(subscription: Subscription, tab: str | None = None) -> str:
    """The customer's page, with this subscription chosen; its first tab unless another is named."""
    return url_for("panel.customers.show", customer_id=subscription.customer_id, subscription=subscription.id, tab=tab)


def ask(subscription: Subscription, question: Question) -> ResponseReturnValue:
    """The small page of a question about a subscription."""
    status = 422 if question.form.is_submitted() else 200
    return render(
        "panel/subscriptions/question.html",
        status,
        name=subscription.username,
        question=question,
        back=page_of(subscription),
    )


def finish(subscription: Subscription, result: Any, message: str) -> ResponseReturnValue:
    """Back to the customer's page, which says what was done and follows the routers' answers."""
    flash(message, "success")
    return redirect(with_follow(page_of(subscription), effect_of(result)), 303)


def contract_words(breach: early_ending.Breach | None) -> str:
    """A warning while the contract that the customer began with still runs, else nothing."""
    if breach is None:
        return ""
    day = spell.calendar_day(breach.contract_end, language())
    if not breach.fee:
        return str(gettext("The contract runs until %(day)s.", day=day))
    fee = money(breach.fee)
    return str(gettext("The contract runs until %(day)s; leaving earlier costs %(fee)s.", day=day, fee=fee))


def breach_of(subscription: Subscription) -> early_ending.Breach | None:
    """The contract that ending it now breaks."""
    return early_ending.breach_now(db(), actor=current_actor(), now=now(), subscription=subscription)


def offer_fee(form: Any, *breaches: early_ending.Breach | None) -> None:
    """Ask about the fee only where there is one."""
    if not any(breach is not None and breach.fee for breach in breaches):
        del form.charge_fee


def waives(form: Any) -> bool:
    """Whether the fee was there to be billed and the box was cleared."""
    return "charge_fee" in form and not form.charge_fee.data


def effect_sentence(effect: Effect | None) -> str:
    """What will happen on the network, in words."""
    if effect is None or not effect.sessions:
        return str(gettext("Not online now: nothing has to be sent to a router."))
    parts = []
    if effect.disconnect_ids:
        count = len(effect.disconnect_ids)
        parts.append(
            ngettext("%(num)d session is disconnected at once.", "%(num)d sessions are disconnected at once.", count)
        )
    if effect.coa_ids:
        count = len(effect.coa_ids)
        parts.append(
            ngettext(
                "%(num)d session changes speed without being cut.",
                "%(num)d sessions change speed without being cut.",
                count,
            )
        )
    return " ".join(parts)


def sentence(use_case: Callable[..., Any], **arguments: Any) -> str:
    """What the use-case would do on the network, in words; nothing is done."""
    return effect_sentence(rehearse(use_case, **arguments))
