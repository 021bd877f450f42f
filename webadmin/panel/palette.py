"""What the search box can do besides finding: actions on whoever is named after them, new things, and pages.

A verb is recognised in the reader's language and in English by the beginnings of its words, before or after the name:
"suspend budi", "budi pay". It only ever leads to the page that asks before it acts, and only whoever may act is led.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import url_for
from flask_babel import force_locale, gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from db.models import Customer
from db.queries.owned import Owned
from webadmin.panel import navigation
from webadmin.security import may

LEAST_LETTERS = 3
MOST_ACTIONS, MOST_PAGES, PEOPLE_OFFERED, SERVICES_OFFERED = 6, 5, 3, 3


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One line of what was found: where it leads; `is_sheet` opens it as a dialog over the page."""

    text: str
    note: str
    icon: str
    url: str
    is_sheet: bool = False


@dataclass(frozen=True, kw_only=True)
class _Verb:
    """Something done to a customer, or with `of_service` to one of his subscriptions."""

    text: LazyString
    words: LazyString
    permission: str
    endpoint: str
    icon: str
    of_service: bool = False
    is_sheet: bool = True


@dataclass(frozen=True, kw_only=True)
class _Thing:
    """Something new that needs nobody's name."""

    text: LazyString
    permission: str
    endpoint: str
    icon: str = "plus"


VERBS = (
    _Verb(text=_l("Record payment"), words=_l("record payment pay receive"), permission="record_payments",
          endpoint="panel.payments.new", icon="cash"),
    _Verb(text=_l("Renew"), words=_l("renew extend"), permission="record_payments",
          endpoint="panel.balances.renew", icon="refresh", of_service=True),
    _Verb(text=_l("Suspend"), words=_l("suspend block isolate"), permission="suspend_customers",
          endpoint="panel.subscriptions.suspend_customer", icon="lock"),
    _Verb(text=_l("Activate"), words=_l("activate unblock open"), permission="activate_customers",
          endpoint="panel.subscriptions.activate_customer", icon="lock-open"),
    _Verb(text=_l("Disconnect"), words=_l("disconnect kick"), permission="disconnect_customers",
          endpoint="panel.subscriptions.disconnect", icon="plug-connected-x", of_service=True),
    _Verb(text=_l("Change plan"), words=_l("change plan move package"), permission="change_package",
          endpoint="panel.subscriptions.change_plan", icon="package", of_service=True),
    _Verb(text=_l("Change speed"), words=_l("change speed"), permission="edit_speed_limit",
          endpoint="panel.subscriptions.change_speed", icon="gauge", of_service=True),
    _Verb(text=_l("Change end of term"), words=_l("change end term date expiry"), permission="edit_suspend_date",
          endpoint="panel.subscriptions.change_expiry", icon="calendar", of_service=True),
    _Verb(text=_l("Change password"), words=_l("change password reset"), permission="edit_customers",
          endpoint="panel.subscriptions.change_password", icon="key", of_service=True),
    _Verb(text=_l("Why online or not"), words=_l("explain why"), permission="view_customers",
          endpoint="panel.decisions.explain_login", icon="help", of_service=True, is_sheet=False),
    _Verb(text=_l("New invoice"), words=_l("new invoice bill"), permission="generate_bills",
          endpoint="panel.invoices.new", icon="file-invoice", is_sheet=False),
    _Verb(text=_l("New subscription"), words=_l("new subscription service"), permission="create_customers",
          endpoint="panel.subscriptions.new", icon="plus", is_sheet=False),
    _Verb(text=_l("Edit"), words=_l("edit"), permission="edit_customers",
          endpoint="panel.customers.edit", icon="edit", is_sheet=False),
)  # fmt: skip
THINGS = (
    _Thing(text=_l("New customer"), permission="create_customers", endpoint="panel.customers.new", icon="user-plus"),
    _Thing(text=_l("New voucher batch"), permission="manage_vouchers", endpoint="panel.vouchers.new", icon="ticket"),
    _Thing(text=_l("New plan"), permission="manage_plans", endpoint="panel.plans.new", icon="package"),
    _Thing(text=_l("New router"), permission="manage_nas", endpoint="panel.routers.new", icon="router"),
    _Thing(text=_l("New expense"), permission="manage_expenses", endpoint="panel.expenses.new", icon="report-money"),
    _Thing(text=_l("New member of staff"), permission="manage_users", endpoint="panel.staff.new", icon="user-plus"),
    _Thing(text=_l("Import customers"), permission="import_customers", endpoint="panel.customer_jobs.new",
           icon="upload"),
    _Thing(text=_l("Change many sessions"), permission="disconnect_customers", endpoint="panel.bulk_changes.index",
           icon="stack-2"),
)  # fmt: skip


def spoken_to(text: str, words: Sequence[str]) -> tuple[int, str] | None:
    """How many words of `text` say the verb, and whose name is left; None when it does not say it.

    The verb stands first or last; every word of it is a beginning, three letters at least, of one of `words`.
    """
    tokens = text.lower().split()
    for backwards in (False, True):
        said = _leading(tokens[::-1] if backwards else tokens, words)
        left = tokens[: len(tokens) - said] if backwards else tokens[said:]
        if said:
            return said, " ".join(left)
    return None


def _leading(tokens: Sequence[str], words: Sequence[str]) -> int:
    left, said = list(words), 0
    for token in tokens:
        fits = next((word for word in left if len(token) >= LEAST_LETTERS and word.startswith(token)), None)
        if fits is None:
            return said
        left.remove(fits)
        said += 1
    return said


def asked_verbs(text: str) -> tuple[list[_Verb], str]:
    """The verbs that the text says best and the reader may do, and the name that is left of it for everybody."""
    best, name = 0, ""
    found: list[_Verb] = []
    for verb in VERBS:
        heard = spoken_to(text, _words(verb.words))
        if heard is None or not heard[1] or heard[0] < best:
            continue
        if heard[0] > best:
            best, found, name = heard[0], [], heard[1]
        if heard[1] == name:
            found.append(verb)
    return [verb for verb in found if may(verb.permission)], name


def _words(text: LazyString) -> list[str]:
    with force_locale("en"):
        english = str(text)
    return list(dict.fromkeys(f"{text} {english}".lower().split()))


def actions(verbs: Sequence[_Verb], customers: Sequence[Customer], owned: dict[int, Owned]) -> list[Hit]:
    """What could be done to the customers found."""
    offered = [
        hit
        for verb in verbs
        for customer in customers[:PEOPLE_OFFERED]
        for hit in _on(verb, customer, owned[customer.id])
    ]
    return offered[:MOST_ACTIONS]


def _on(verb: _Verb, customer: Customer, theirs: Owned) -> Iterator[Hit]:
    said = f"{verb.text}: {customer.name}"
    if not verb.of_service:
        yield Hit(
            text=said,
            note=" · ".join([customer.customer_code, *(row.username for row in theirs.live[:1])]),
            icon=verb.icon,
            url=url_for(verb.endpoint, customer_id=customer.id),
            is_sheet=verb.is_sheet,
        )
        return
    for row in theirs.live[:SERVICES_OFFERED]:
        url = url_for(verb.endpoint, subscription_id=row.id)
        yield Hit(text=said, note=f"{row.username} · {row.plan.name}", icon=verb.icon, url=url, is_sheet=verb.is_sheet)


def things(text: str) -> list[Hit]:
    """New things whose name the text begins; all of them for an empty text."""
    return [
        Hit(text=str(thing.text), note="", icon=thing.icon, url=url_for(thing.endpoint))
        for thing in THINGS
        if may(thing.permission) and _is_beginning(text, _words(thing.text))
    ][:MOST_ACTIONS]


def pages(text: str) -> list[Hit]:
    """Pages of the rail whose name the text begins."""
    return [
        Hit(text=str(link.text), note=gettext("Page in %(group)s", group=group.text), icon=link.icon, url=link.url)
        for group in navigation.groups()
        for link in group.links
        if text and _is_beginning(text, _words(link.text))
    ][:MOST_PAGES]


def _is_beginning(text: str, words: Sequence[str]) -> bool:
    return all(any(word.startswith(token) for word in words) for token in text.lower().split())
