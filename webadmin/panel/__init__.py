"""The staff panel: screens that translate between people and the use-cases, and decide nothing themselves."""

from flask import Blueprint, Flask
from flask_babel import lazy_gettext as _l
from flask_limiter import Limiter
from werkzeug.local import LocalProxy

from domain.customer_jobs import ACTION_PERMISSIONS
from webadmin.panel import (
    accounting,
    accounting_words,
    alarms,
    allowances,
    attributes,
    audit,
    background_jobs,
    billing_profiles,
    billing_runs,
    blacklist,
    bulk_changes,
    certificates,
    changes,
    customer_jobs,
    customer_pictures,
    customer_records,
    customer_words,
    customers,
    decisions,
    devices,
    doctor,
    fair_use,
    filters,
    first_run,
    gardens,
    gateway_orders,
    gateways,
    history,
    lists,
    logins,
    navigation,
    online,
    operators,
    paper,
    parked,
    pay,
    payment_links,
    personal_data,
    plans,
    provider,
    redeeming,
    registrations,
    retention,
    roles,
    rollouts,
    router_api,
    router_groups,
    router_test,
    routers,
    search,
    second_factors,
    sentences,
    server,
    settings,
    speed_tests,
    staff,
    states,
    subscriptions,
    today,
    tokens,
    usage_check,
    voucher_batches,
    vouchers,
    webhooks,
    words,
)
from webadmin.panel.language import LANGUAGES, chosen_language, chosen_theme, init_language
from webadmin.panel.money import (
    balances,
    billing_log,
    bookkeeping,
    cash_desk,
    commissions,
    expenses,
    invoices,
    payments,
    rules,
    tab,
)
from webadmin.panel.support import page_url, tenant

SUBJECTS = (
    today, accounting, alarms, history, search, lists, customers, customer_records, customer_pictures, personal_data,
    speed_tests, registrations, customer_jobs, operators, vouchers, voucher_batches, redeeming, paper, subscriptions,
    fair_use, decisions, attributes, doctor,
    allowances, plans, rollouts, routers, router_groups, router_test, router_api, server, blacklist, devices, online,
    logins, changes, bulk_changes,
    settings, second_factors, gardens, retention, staff, roles, audit, provider, certificates, tokens, usage_check,
    invoices, payments, expenses, bookkeeping, commissions, balances, billing_log, rules, billing_runs,
    billing_profiles,
    background_jobs, first_run, cash_desk,
    gateways, gateway_orders, parked, payment_links, pay, webhooks,
)  # fmt: skip
THEMES = (
    ("auto", _l("As the system"), "device-desktop"),
    ("light", _l("Light"), "sun"),
    ("dark", _l("Dark"), "moon"),
)


def register_panel(app: Flask, limiter: Limiter) -> None:
    """Give the application its screens, languages and formats."""
    init_language(app)
    filters.install(app)
    panel = Blueprint("panel", __name__)
    for subject in SUBJECTS:
        panel.register_blueprint(subject.blueprint)
    app.register_blueprint(panel)
    pay.limit_paying(limiter, app.view_functions)
    app.context_processor(_words)


def _words() -> dict[str, object]:
    """What every template may use, on the sign-in and error pages too."""
    return {
        "language": chosen_language(),
        "languages": list(LANGUAGES.items()),
        "theme": chosen_theme(),
        "themes": THEMES,
        "tenant": LocalProxy(tenant),
        "navigation": LocalProxy(navigation.groups),
        "page_url": page_url,
        "alarms_on": alarms.alarms_on,
        "alarm_words": alarms.alarm_words,
        "state_mark": states.state_mark,
        "put_aside_words": accounting_words.put_aside_words,
        "outcome_words": accounting_words.outcome_words,
        "grade_words": accounting_words.grade_words,
        "state_choices": states.state_choices,
        "reason_words": words.reason_words,
        "reason_choices": words.reason_choices,
        "change_reason_words": words.change_reason_words,
        "choice_words": words.choice_words,
        "mac_bindings": words.MAC_BINDINGS,
        "suspend_reason_words": words.suspend_reason_words,
        "contact_kinds": customer_words.CONTACT_KINDS,
        "equipment_kinds": customer_words.EQUIPMENT_KINDS,
        "gender_words": customer_words.GENDER_WORDS,
        "balance_words": customer_words.BALANCE_WORDS,
        "bulk_words": customer_words.BULK_WORDS,
        "bulk_permissions": ACTION_PERMISSIONS,
        "job_words": customer_words.JOB_WORDS,
        "terminate_cause_words": words.terminate_cause_words,
        "action_words": words.action_words,
        "cause_words": sentences.cause_words,
        **tab.words(),
    }
