"""The rail: which groups and pages there are for whoever is signed in. A page nobody may open is not a link."""

from dataclasses import dataclass

from flask import g, request, url_for
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from webadmin.security import may


@dataclass(frozen=True, kw_only=True)
class Link:
    """One page of the rail as this request sees it."""

    text: LazyString
    icon: str
    url: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of the rail with at least one page."""

    key: str
    text: LazyString
    icon: str
    links: list[Link]

    @property
    def current(self) -> bool:
        """True when the page shown belongs to this group."""
        return any(link.current for link in self.links)


@dataclass(frozen=True, kw_only=True)
class _Page:
    endpoint: str
    permission: str | None
    text: LazyString
    icon: str


# Pages that stand below another subject's: by endpoint, or by the subject of all of them.
_BELOW = {
    "panel.first_run": "panel.today",
    "panel.second_factors": "panel.settings",
    "panel.roles": "panel.staff",
    "panel.vouchers": "panel.voucher_batches",
    "panel.redeeming": "panel.customers",
    "panel.router_api": "panel.routers",
    "panel.bulk_changes": "panel.changes",
    "panel.history.show": "panel.customers",
    "panel.payment_links": "panel.customers",
    "panel.subscriptions": "panel.customers",
    "panel.subscriptions.index": "panel.subscriptions",
    "panel.fair_use": "panel.customers",
    "panel.customer_records": "panel.customers",
    "panel.customer_jobs": "panel.customers",
    "panel.attributes": "panel.customers",
    "panel.balances": "panel.customers",
    "panel.billing_log": "panel.customers",
    "panel.billing_profiles": "panel.customers",
    "panel.decisions": "panel.customers",
}

_GROUPS: tuple[tuple[str, LazyString, str, tuple[_Page, ...]], ...] = (
    (
        "today",
        _l("Today"),
        "home",
        (_Page(endpoint="panel.today.index", permission=None, text=_l("Today"), icon="home"),),
    ),
    (
        "customers",
        _l("Customers"),
        "users",
        (
            _Page(endpoint="panel.customers.index", permission="view_customers", text=_l("Customers"), icon="users"),
            _Page(
                endpoint="panel.subscriptions.index",
                permission="view_customers",
                text=_l("Subscriptions"),
                icon="list",
            ),
            _Page(
                endpoint="panel.allowances.index",
                permission="view_customers",
                text=_l("Families"),
                icon="users-group",
            ),
            _Page(endpoint="panel.plans.index", permission="view_plans", text=_l("Plans"), icon="package"),
            _Page(
                endpoint="panel.voucher_batches.index",
                permission="view_customers",
                text=_l("Vouchers"),
                icon="ticket",
            ),
            _Page(
                endpoint="panel.devices.waiting",
                permission="view_customers",
                text=_l("Waiting devices"),
                icon="devices",
            ),
            _Page(endpoint="panel.blacklist.index", permission="view_customers", text=_l("Blacklist"), icon="ban"),
        ),
    ),
    (
        "network",
        _l("Network"),
        "network",
        (
            _Page(endpoint="panel.online.index", permission="view_customers", text=_l("Online now"), icon="wifi"),
            _Page(endpoint="panel.routers.index", permission="view_nas", text=_l("Routers"), icon="router"),
            _Page(
                endpoint="panel.router_groups.index", permission="view_nas", text=_l("Router groups"), icon="stack-2"
            ),
            _Page(endpoint="panel.logins.index", permission="view_customers", text=_l("Logins"), icon="login"),
            _Page(
                endpoint="panel.history.addresses",
                permission="view_address_history",
                text=_l("Who had an address"),
                icon="map-pin",
            ),
            _Page(endpoint="panel.alarms.index", permission="manage_installation", text=_l("Alarms"), icon="bell"),
            _Page(endpoint="panel.changes.index", permission="view_customers", text=_l("Live changes"), icon="bolt"),
            _Page(
                endpoint="panel.accounting.index", permission="view_nas", text=_l("Accounting packets"), icon="inbox"
            ),
        ),
    ),
    (
        "money",
        _l("Money"),
        "cash",
        (
            _Page(endpoint="panel.cash_desk.index", permission="record_payments", text=_l("Cash desk"), icon="cash"),
            _Page(endpoint="panel.invoices.index", permission="view_money", text=_l("Invoices"), icon="file-invoice"),
            _Page(endpoint="panel.payments.index", permission="view_money", text=_l("Payments"), icon="receipt"),
            _Page(
                endpoint="panel.gateway_orders.index",
                permission="view_money",
                text=_l("Online payments"),
                icon="credit-card",
            ),
            _Page(endpoint="panel.parked.index", permission="record_payments", text=_l("Parked money"), icon="wallet"),
            _Page(endpoint="panel.expenses.index", permission="view_books", text=_l("Expenses"), icon="report-money"),
            _Page(endpoint="panel.bookkeeping.index", permission="view_books", text=_l("Trial balance"), icon="book"),
            _Page(endpoint="panel.commissions.index", permission="view_money", text=_l("Commissions"), icon="coin"),
            _Page(
                endpoint="panel.billing_runs.index",
                permission="manage_billing",
                text=_l("Billing runs"),
                icon="rotate",
            ),
            _Page(
                endpoint="panel.billing_rules.index",
                permission="manage_billing",
                text=_l("Rules of billing"),
                icon="adjustments",
            ),
        ),
    ),
    (
        "settings",
        _l("Settings"),
        "settings",
        (
            _Page(endpoint="panel.settings.me", permission=None, text=_l("My settings"), icon="user-circle"),
            _Page(endpoint="panel.provider.index", permission="manage_settings", text=_l("Provider"), icon="building"),
            _Page(
                endpoint="panel.paper.letterhead", permission="manage_settings", text=_l("Letterhead"), icon="file-text"
            ),
            _Page(endpoint="panel.gardens.index", permission="manage_settings", text=_l("Walled gardens"), icon="lock"),
            _Page(
                endpoint="panel.gateways.index",
                permission="manage_gateways",
                text=_l("Payment gateways"),
                icon="credit-card",
            ),
            _Page(
                endpoint="panel.retention.index",
                permission="manage_installation",
                text=_l("How long records are kept"),
                icon="database",
            ),
            _Page(endpoint="panel.jobs.index", permission="manage_installation", text=_l("Jobs"), icon="clock"),
            _Page(
                endpoint="panel.server.index",
                permission="manage_installation",
                text=_l("System health"),
                icon="activity",
            ),
            _Page(endpoint="panel.certificates.index", permission="view_nas", text=_l("Certificates"), icon="key"),
            _Page(
                endpoint="panel.operators.index",
                permission="manage_operators",
                text=_l("Operators"),
                icon="layout-dashboard",
            ),
            _Page(endpoint="panel.staff.index", permission="manage_users", text=_l("Staff"), icon="shield-lock"),
            _Page(endpoint="panel.audit.index", permission="view_audit", text=_l("Audit log"), icon="history"),
            _Page(endpoint="panel.tokens.index", permission="manage_tokens", text=_l("API tokens"), icon="key"),
            _Page(endpoint="panel.webhooks.index", permission="manage_webhooks", text=_l("Webhooks"), icon="send"),
        ),
    ),
)


def groups() -> list[Group]:
    """The groups with the pages that the signed-in user may open."""
    if "navigation" not in g:
        g.navigation = _groups()
    found: list[Group] = g.navigation
    return found


def _groups() -> list[Group]:
    found = [
        Group(key=key, text=text, icon=icon, links=[_link(page) for page in pages if _may_open(page)])
        for key, text, icon, pages in _GROUPS
    ]
    return [group for group in found if group.links]


def _may_open(page: _Page) -> bool:
    return page.permission is None or may(page.permission)


def _link(page: _Page) -> Link:
    # Every page below a subject's list ("panel.customers.show") keeps the subject marked.
    current = page.endpoint.rpartition(".")[0] == _subject_shown()
    return Link(text=page.text, icon=page.icon, url=url_for(page.endpoint), current=current)


def _subject_shown() -> str:
    endpoint = request.endpoint or ""
    subject = endpoint.rpartition(".")[0]
    return _BELOW.get(endpoint) or _BELOW.get(subject, subject)
