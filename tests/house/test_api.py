"""The API does what was asked for, and whatever the panel does: both are tables against the routes that there are."""

import re
from collections import Counter
from typing import Any

from flask import Flask

from webadmin.api.base import PREFIX

# Why something that was asked for is no route yet: it belongs to a part that is built later.
LATER = "later: "
# Why something is no route and will be none.
NONE = "none: "

MESSAGES = LATER + "messages to customers"
DOCUMENTS, TICKETS, PORTAL = LATER + "documents", LATER + "tickets", LATER + "the customers' portal"
MAP, MONITORING, REPORTS = LATER + "the map", LATER + "monitoring", LATER + "reports"

# What was asked for, in the words in which it was asked, and by what it is answered here ({} stands for an id or word).
ASKED_FOR: dict[str, str] = {
    # Signing in
    "POST /auth/login": NONE + "staff sign in at the panel; programs hold a token that was made there",
    "POST /auth/logout": "DELETE /me/token",
    "GET /auth/me": "GET /me",
    "POST /auth/password/forgot, /auth/password/reset": NONE + "pages of the panel, for a person with a mailbox",
    "/users": "GET /staff, POST /staff, GET /staff/{}, PATCH /staff/{}/roles, POST /staff/{}/deactivate",
    "/roles": "GET /roles, POST /roles, GET /roles/{}, PATCH /roles/{}, DELETE /roles/{}",
    "/permissions": "GET /permissions",
    # Customers
    "GET /customers": "GET /customers",
    "POST /customers": "POST /customers",
    "GET /customers/{id}": "GET /customers/{}",
    "PUT, PATCH /customers/{id}": "PATCH /customers/{}",
    "DELETE /customers/{id}": "DELETE /customers/{}",
    "POST /customers/{id}/restore": "POST /customers/{}/restore",
    "GET /customers/search": "GET /customers",
    "GET /customers/stats": "GET /customers/statistics",
    "GET /customers/analytics": REPORTS,
    "GET /customers/top": REPORTS,
    "GET /customers/map": MAP,
    "GET /customers/{id}/activity": "GET /customers/{}/activity",
    "POST /customers/{id}/activate": "POST /customers/{}/activate",
    "POST /customers/{id}/suspend": "POST /customers/{}/suspend",
    "POST /customers/{id}/disconnect": "POST /subscriptions/{}/disconnect, POST /sessions/{}/disconnect",
    "POST /customers/{id}/terminate, /blacklist, /disable": "POST /customers/{}/terminate, POST /customers/{}/block",
    "POST /customers/bulk": "POST /customers/bulk",
    "/customers/{id}/contacts": "GET /customers/{}/contacts, POST /customers/{}/contacts,"
    " PATCH /customers/{}/contacts/{}, DELETE /customers/{}/contacts/{}",
    "POST /customers/{id}/tags": "POST /customers/{}/tags",
    "DELETE /customers/{id}/tags/{tag}": "DELETE /customers/{}/tags/{}",
    "GET /customers/tags/popular": "GET /customers/tags",
    "GET /customers/tags/{tag}/customers": "GET /customers",
    "POST /customers/{id}/notify": MESSAGES,
    "POST /customers/bulk-notify": MESSAGES,
    "GET /customers/{id}/communications": MESSAGES,
    "POST /customers/import": "POST /customers/import",
    "GET /customers/import/{job_id}": "GET /customer-jobs/{}, GET /customer-jobs/{}/errors.csv",
    "GET /customers/export": "GET /customers/export.csv, GET /customers/export.xlsx",
    "/customers/{id}/networks": "GET /customers/{}/equipment, POST /customers/{}/equipment,"
    " PATCH /customers/{}/equipment/{}, DELETE /customers/{}/equipment/{}",
    "GET /customers/{id}/privacy/export": "GET /customers/{}/personal-data",
    "POST /customers/{id}/privacy/anonymize": "POST /customers/{}/anonymize, POST /customers/{}/erase",
    "POST /customers/{id}/consent": MAP,
    "GET/POST /customers/{id}/children": "GET /customers/{}/family, PATCH /customers/{}/family",
    "GET /customers/{id}/referrals": "GET /customers/{}/referrals, GET /customers/{}/rewards",
    "PUT /customers/{id}/credit-limit": "PATCH /customers/{}/billing-profile",
    "/customers/{id}/change-operator": "POST /customers/{}/transfer, POST /customer-transfers/{}/confirm",
    # Money of a customer
    "POST /customers/{id}/balance": "POST /customers/{}/balance",
    "GET /customers/{id}/balance/history": "GET /customers/{}/balance",
    "POST /customers/{id}/payment": "POST /payments",
    "POST /customers/{id}/recharge": "POST /payments",
    "GET /customers/{id}/payments": "GET /payments",
    "GET /customers/{id}/invoices": "GET /invoices",
    "POST /customers/{id}/bills": "POST /subscriptions/{}/bill, POST /subscriptions/{}/bill/preview, POST /invoices",
    "GET/PUT /customers/{id}/billing-profile": "GET /customers/{}/billing-profile, PATCH /customers/{}/billing-profile,"
    " POST /customers/{}/billing-profile/preview",
    "/customers/{id}/advance-payment": "POST /payments",
    "/customers/{id}/other-payment": "POST /payments",
    "/customers/{id}/send-payment-link": "POST /payment-links, POST /payment-links/{}/sent",
    "/customers/{id}/send-sms": MESSAGES,
    # The network of a customer: every one acts on exactly one subscription
    "GET /customers/{id}/live-status": "GET /sessions, GET /subscriptions/{}/diagnosis",
    "GET /customers/{id}/usage": "GET /subscriptions/{}/usage, GET /subscriptions/{}/usage/now",
    "GET /customers/{id}/sessions": "GET /subscriptions/{}/sessions",
    "GET /customers/{id}/internet-history": "GET /subscriptions/{}/history, GET /subscriptions/{}/history.csv,"
    " GET /subscriptions/{}/history.xlsx",
    "PUT /customers/{id}/expiry": "POST /subscriptions/{}/change-expiry",
    "GET/PUT /customers/{id}/suspend-date": "PATCH /subscriptions/{}/suspend-date,"
    " POST /subscriptions/{}/suspend-date/preview",
    "PUT /customers/{id}/package": "POST /subscriptions/{}/change-plan, POST /subscriptions/{}/plan-change,"
    " GET /subscriptions/{}/plan-change",
    "/customers/{id}/speed-limit": "PATCH /subscriptions/{}/limits",
    "/customers/{id}/time-limit": "PATCH /subscriptions/{}/limits, POST /subscriptions/{}/quotas",
    "/customers/{id}/volume-limit": "POST /subscriptions/{}/quotas, GET /subscriptions/{}/allowances",
    "POST /customers/{id}/activate-fup": "POST /subscriptions/{}/activate-fup",
    "GET /customers/{id}/fup, POST .../fup/reset": "GET /subscriptions/{}/usage, POST /subscriptions/{}/lift-fup",
    "GET /customers/{id}/macs": "GET /subscriptions/{}",
    "POST /customers/{id}/macs": "POST /subscriptions/{}/macs",
    "DELETE /customers/{id}/macs/{mac_id}": "DELETE /subscriptions/{}/macs/{}",
    "PUT /customers/{id}/macs/{mac_id}/reset": "PATCH /subscriptions/{}/macs/{}",
    "POST /customers/{id}/macs/{mac_id}/approve": "PATCH /subscriptions/{}/macs/{}",
    "DELETE /customers/{id}/mac-bind": "DELETE /subscriptions/{}/macs, POST /subscriptions/{}/mac-binding",
    "POST /customers/{id}/speedtest": "POST /customers/{}/speed-tests",
    "GET /customers/{id}/speedtests": "GET /customers/{}/speed-tests",
    "POST /customers/{id}/daily-recharge": "POST /subscriptions/{}/recharge, POST /subscriptions/{}/days",
    "POST /customers/{id}/hotspot-recharge": "POST /vouchers/redeem, POST /customers/{}/hotspot-credentials",
    # Plans, subscriptions, invoices, payments
    "/service-plans": "GET /service-plans, POST /service-plans, GET /service-plans/{}, PATCH /service-plans/{},"
    " DELETE /service-plans/{}",
    "/subscriptions": "GET /subscriptions, POST /subscriptions, GET /subscriptions/{}, PATCH /subscriptions/{},"
    " DELETE /subscriptions/{}",
    "POST /subscriptions/{id}/activate": "POST /subscriptions/{}/activate",
    "POST /subscriptions/{id}/suspend": "POST /subscriptions/{}/suspend",
    "POST /subscriptions/{id}/terminate, /cancel, /renew, /disconnect, /password": "POST /subscriptions/{}/terminate,"
    " POST /subscriptions/{}/cancel, POST /subscriptions/{}/renew, POST /subscriptions/{}/disconnect,"
    " POST /subscriptions/{}/change-password",
    "POST /subscriptions/{id}/sync": "POST /subscriptions/{}/resend-speed, POST /nas/{}/secrets/sync",
    "/invoices": "GET /invoices, POST /invoices, GET /invoices/{}, PATCH /invoices/{}, POST /invoices/{}/issue",
    "DELETE /invoices/{id}": "POST /invoices/{}/cancel",
    "POST /invoices/{id}/mark-paid": "POST /invoices/{}/mark-paid",
    "GET /invoices/{id}/pdf": "GET /invoices/{}/pdf",
    "/payments": "GET /payments, POST /payments, GET /payments/{}",
    "PUT/DELETE /payments/{id}": "POST /payments/{}/void",
    "GET /payments/{id}/receipt, POST .../refund": "GET /payments/{}/receipt, POST /payments/{}/refund",
    "POST /midtrans/create-token": "POST /payment-orders",
    "GET /midtrans/status/{order_id}": "GET /payment-orders/{}, POST /payment-orders/{}/check",
    "POST /midtrans/cancel/{order_id}": "POST /payment-orders/{}/cancel",
    "POST /midtrans/notification": NONE + "/webhooks/payments/{key}, outside the API: gateways hold no token",
    "GET /pay/{token}, /payments/finish, /error, /pending": NONE + "pages for payers",
    # Documents, tickets, portal
    "/customers/{id}/documents, /documents/{id}": DOCUMENTS,
    "/customers/{id}/photo": "GET /customers/{}/photo, POST /customers/{}/photo, DELETE /customers/{}/photo",
    "/customers/{id}/id-card": "GET /customers/{}/id-card-picture, POST /customers/{}/id-card-picture",
    "/tickets": TICKETS,
    "/customer/..., /customers/portal/...": PORTAL,
    # Network
    "GET /network/topology": MAP,
    "/router-settings": "GET /nas, POST /nas, GET /nas/{}, PATCH /nas/{}, DELETE /nas/{}",
    "POST /router-settings/{id}/test": "POST /nas/{}/test-connection, POST /nas/{}/test, GET /nas/{}/test",
    "GET /mikrotik/test": "POST /nas/{}/test-connection",
    "GET /mikrotik/system, /interfaces, /active, /profiles, /hotspot/users, /hotspot/active, /dhcp-leases, /identity":
    "GET /nas/{}/router/{}",
    "GET /mikrotik/interface-traffic": "GET /nas/{}/traffic",
    "POST /mikrotik/disconnect": "POST /nas/{}/end-sessions, POST /nas/{}/disconnect",
    "/mikrotik/secrets": "POST /nas/{}/secrets, POST /nas/{}/secrets/remove, POST /nas/{}/secrets/enable,"
    " POST /nas/{}/secrets/disable, GET /nas/{}/router/{}",
    "/mikrotik/queues": "POST /nas/{}/queues, POST /nas/{}/queues/remove",
    "/mikrotik-secrets": "GET /nas/{}/secrets, GET /nas/{}/secrets/drift",
    "POST /mikrotik-secrets/{id}/sync": "POST /nas/{}/secrets/sync",
    "POST /mikrotik-secrets/import": "POST /nas/{}/secrets/import",
    "GET/PUT /radius-settings": "GET /radius-server, PATCH /nas/{}",
    "GET /radius/active-sessions": "GET /sessions",
    "GET /radius/auth-log": "GET /access-log, GET /subscriptions/{}/access-log",
    "POST /coa/disconnect, /coa/change": "POST /sessions/{}/disconnect, POST /subscriptions/{}/resend-speed,"
    " POST /bulk-changes",
    "GET /coa/log": "GET /session-changes, GET /session-changes/{}",
    # Dashboard, reports, monitoring, administration
    "GET /dashboard/stats": "GET /dashboard/stats",
    "GET /dashboard/recent-activities": "GET /audit-logs",
    "/snmp-devices": MONITORING,
    "/ping-targets": MONITORING,
    "GET /alerts": "GET /alarms",
    "POST /alerts/{id}/read, /alerts/read-all": NONE + "an alarm goes when its cause does, not by being read",
    "/notification-settings, /notification-templates, /sms-gateways, /sms-logs": MESSAGES,
    "/vouchers": "GET /vouchers, POST /vouchers, PATCH /vouchers/{}, GET /voucher-batches, GET /voucher-batches/{}",
    "POST /vouchers/{code}/redeem": "POST /vouchers/redeem",
    "/reports": REPORTS,
    "GET/PUT /settings": "GET /provider, PATCH /provider, GET /billing-rules, PATCH /billing-rules",
    "/operators": "GET /operators, POST /operators, GET /operators/{}, PATCH /operators/{}, DELETE /operators/{}",
    "/tenants": NONE + "a token belongs to one provider; more of them are made at the command line",
    "GET /audit-logs": "GET /audit-logs",
    "GET /health": NONE + "/healthz and /readyz, outside the API: who watches holds no token",
}  # fmt: skip

FORM = NONE + "helps to fill in a form"
OWN_ACCOUNT = NONE + "a person's own way of signing in; a token must not change who its owner is"
SIGNING_IN = NONE + "signing in at the panel"
SHOWS_SECRET = NONE + "a secret is shown to a person who just proved who he is; a program can set another"
LOOKS = NONE + "how somebody looks at a list, kept for his next visit"

# Every action of the panel, and what does the same over the API.
PANEL: dict[str, str] = {
    "accounting.change_silent": "PATCH /accounting/silent-sessions",
    "accounting.dismiss": "POST /accounting/quarantine/dismiss",
    "accounting.replay": "POST /accounting/quarantine/replay",
    "allowances.delete": "DELETE /families/{}",
    "allowances.join": "POST /families/{}/members",
    "allowances.leave": "DELETE /families/{}/members/{}",
    "allowances.new": "POST /families",
    "allowances.own": "POST /subscriptions/{}/quotas",
    "allowances.remove_topup": "DELETE /subscriptions/{}/topups/{}",
    "allowances.save": "PATCH /families/{}",
    "allowances.topup": "POST /subscriptions/{}/topups",
    "attributes.edit": "PATCH /subscriptions/{}/attributes",
    "balances.change": "POST /customers/{}/balance",
    "balances.recharge": "POST /subscriptions/{}/recharge",
    "balances.renew": "POST /subscriptions/{}/renew",
    "billing_profiles.edit": "PATCH /customers/{}/billing-profile",
    "billing_profiles.suspend_date": "PATCH /subscriptions/{}/suspend-date",
    "billing_rules.index": "PATCH /billing-rules",
    "billing_runs.go_on": "POST /billing-runs/{}/continue",
    "billing_runs.start": "POST /billing-runs",
    "billing_runs.stop": "POST /billing-runs/{}/stop",
    "billing_runs.undo": "POST /billing-runs/{}/undo",
    "blacklist.add": "POST /blacklist",
    "blacklist.remove": "DELETE /blacklist/{}",
    "bulk_changes.change_state": "POST /bulk-changes/{}/pause, POST /bulk-changes/{}/resume,"
    " POST /bulk-changes/{}/stop",
    "bulk_changes.start": "POST /bulk-changes",
    "cash_desk.take": "POST /payments",
    "certificates.revoke": "POST /certificates/{}/revoke",
    "commissions.pay": "POST /operators/{}/payouts",
    "customer_jobs.many": "POST /customers/bulk",
    "customer_jobs.new": "POST /customers/import",
    "customer_jobs.stop": "POST /customer-jobs/{}/stop",
    "customer_pictures.change_id_card": "POST /customers/{}/id-card-picture, DELETE /customers/{}/id-card-picture",
    "customer_pictures.change_photo": "POST /customers/{}/photo, DELETE /customers/{}/photo",
    "customer_records.add_contact": "POST /customers/{}/contacts",
    "customer_records.add_equipment": "POST /customers/{}/equipment",
    "customer_records.add_tag": "POST /customers/{}/tags",
    "customer_records.block": "POST /customers/{}/block",
    "customer_records.change_contact": "PATCH /customers/{}/contacts/{}, DELETE /customers/{}/contacts/{}",
    "customer_records.change_family": "PATCH /customers/{}/family",
    "customer_records.delete": "DELETE /customers/{}",
    "customer_records.edit_equipment": "PATCH /customers/{}/equipment/{}",
    "customer_records.remove_equipment": "DELETE /customers/{}/equipment/{}",
    "customer_records.remove_tag": "DELETE /customers/{}/tags/{}",
    "customer_records.restore": "POST /customers/{}/restore",
    "customer_records.show_id_card": "GET /customers/{}/id-card-number",
    "customer_records.terminate": "POST /customers/{}/terminate",
    "customer_records.transfer": "POST /customers/{}/transfer",
    "customers.edit": "PATCH /customers/{}",
    "customers.new": "POST /customers",
    "doctor.examine": "GET /subscriptions/{}/diagnosis",
    "doctor.resend_speed": "POST /subscriptions/{}/resend-speed",
    "expenses.new": "POST /expenses",
    "expenses.take_back": "POST /expenses/{}/take-back",
    "fair_use.activate": "POST /subscriptions/{}/activate-fup",
    "fair_use.lift": "POST /subscriptions/{}/lift-fup",
    "first_run.company": "PATCH /provider",
    "first_run.customer": "POST /customers, POST /subscriptions",
    "first_run.plan": "POST /service-plans",
    "first_run.preview": FORM,
    "first_run.router": "POST /nas",
    "first_run.show_secret": SHOWS_SECRET,
    "first_run.simulate": NONE + "lets a made-up router dial, for whoever has none yet; programs have real ones",
    "gardens.edit": "PATCH /walled-gardens/{}",
    "gardens.remove": "DELETE /walled-gardens/{}",
    "gateway_orders.cancel": "POST /payment-orders/{}/cancel",
    "gateway_orders.check": "POST /payment-orders/{}/check",
    "gateway_orders.confirm": "POST /payment-orders/{}/confirm",
    "gateway_orders.refund": "POST /payment-orders/{}/refund",
    "gateways.edit": "PATCH /payment-gateways/{}",
    "gateways.new": "POST /payment-gateways",
    "gateways.remove": "DELETE /payment-gateways/{}",
    "gateways.test": "POST /payment-gateways/{}/test",
    "invoices.cancel": "POST /invoices/{}/cancel",
    "invoices.change_due_date": "PATCH /invoices/{}",
    "invoices.issue": "POST /invoices/{}/issue",
    "invoices.new": "POST /invoices, POST /subscriptions/{}/bill",
    "invoices.pay_from_balance": "POST /invoices/{}/pay-from-balance",
    "jobs.anyway": "POST /jobs/{}/run",
    "jobs.schedule": "PATCH /jobs/{}/schedule",
    "jobs.start": "POST /jobs/{}/run",
    "lists.columns": LOOKS,
    "lists.remove": LOOKS,
    "lists.save": LOOKS,
    "online.ask": "POST /bulk-changes",
    "online.change": "POST /bulk-changes",
    "operators.answer": "POST /customer-transfers/{}/confirm, POST /customer-transfers/{}/reject",
    "operators.delete": "DELETE /operators/{}",
    "operators.edit": "PATCH /operators/{}",
    "operators.new": "POST /operators",
    "operators.set_staff": "PATCH /staff/{}/operator",
    "paper.invoice_with_link": "POST /invoices/{}/pdf",
    "paper.letterhead": "PATCH /provider/letterhead",
    "parked.resolve": "POST /parked-payments/{}/assign, POST /parked-payments/{}/dismiss,"
    " POST /parked-payments/{}/give-back, POST /parked-payments/{}/take-back",
    "pay.begin": NONE + "a payer's page",
    "payment_links.index": "POST /payment-links",
    "payment_links.sent": "POST /payment-links/{}/sent",
    "payment_links.withdraw": "POST /payment-links/{}/withdraw",
    "payments.new": "POST /payments",
    "payments.other": "POST /payments",
    "payments.take_back": "POST /payments/{}/refund, POST /payments/{}/void",
    "personal_data.anonymize": "POST /customers/{}/anonymize",
    "personal_data.erase": "POST /customers/{}/erase",
    "personal_data.export": "GET /customers/{}/personal-data",
    "plans.change_state": "POST /service-plans/{}/deactivate, POST /service-plans/{}/reactivate,"
    " DELETE /service-plans/{}",
    "plans.new": "POST /service-plans",
    "plans.preview": FORM,
    "plans.save": "PATCH /service-plans/{}, POST /service-plans/{}/copy",
    "plans.starters": "POST /service-plans/starters",
    "plans.tiers": FORM,
    "provider.customers": "PATCH /provider",
    "provider.index": "PATCH /provider",
    "redeeming.make_login": "POST /customers/{}/hotspot-credentials",
    "redeeming.redeem": "POST /vouchers/redeem",
    "registrations.repeat": "POST /customers/registrations/{}/repeat",
    "retention.bring_back": "POST /retention/archives/{}/restore",
    "retention.change": "PATCH /retention/{}",
    "roles.ask_second_factor": "PATCH /roles/{}",
    "roles.edit": "PATCH /roles/{}",
    "roles.new": "POST /roles",
    "roles.remove": "DELETE /roles/{}",
    "rollouts.advance": "POST /plan-rollouts/{}/advance",
    "rollouts.effect": "POST /service-plans/{}/preview",
    "rollouts.stop": "POST /plan-rollouts/{}/stop",
    "router_api.do": "POST /nas/{}/end-sessions, POST /nas/{}/secrets/enable, POST /nas/{}/secrets/disable,"
    " POST /nas/{}/secrets/remove, POST /nas/{}/forget-device, POST /nas/{}/queues/remove,"
    " POST /nas/{}/address-lists/remove",
    "router_api.import_secrets": "POST /nas/{}/secrets/import",
    "router_api.new_entry": "POST /nas/{}/address-lists",
    "router_api.new_queue": "POST /nas/{}/queues",
    "router_api.new_secret": "POST /nas/{}/secrets",
    "router_api.sync": "POST /nas/{}/secrets/sync",
    "router_api.trust": "POST /nas/{}/trust-certificate",
    "router_api.try_connection": "POST /nas/{}/test-connection",
    "router_groups.delete": "DELETE /nas-groups/{}",
    "router_groups.edit": "PATCH /nas-groups/{}",
    "router_groups.new": "POST /nas-groups",
    "router_test.ask": "POST /nas/{}/test",
    "router_test.look": "GET /nas/{}/test",
    "routers.change_secret": "POST /nas/{}/change-secret",
    "routers.change_state": "POST /nas/{}/deactivate, POST /nas/{}/reactivate",
    "routers.disconnect_username": "POST /nas/{}/disconnect",
    "routers.edit": "PATCH /nas/{}",
    "routers.forget_refusals": "DELETE /nas/{}/refusals",
    "routers.new": "POST /nas",
    "routers.remove": "DELETE /nas/{}",
    "routers.show_secret": SHOWS_SECRET,
    "second_factors.add_key": OWN_ACCOUNT,
    "second_factors.app": OWN_ACCOUNT,
    "second_factors.end_others": OWN_ACCOUNT,
    "second_factors.end_session": OWN_ACCOUNT,
    "second_factors.key_options": OWN_ACCOUNT,
    "second_factors.new_codes": OWN_ACCOUNT,
    "second_factors.remove_app": OWN_ACCOUNT,
    "second_factors.remove_key": OWN_ACCOUNT,
    "settings.language": LOOKS,
    "settings.me": OWN_ACCOUNT,
    "settings.password": OWN_ACCOUNT,
    "settings.preferences": LOOKS,
    "speed_tests.measure": "POST /customers/{}/speed-tests",
    "speed_tests.note": "POST /customers/{}/speed-tests",
    "staff.change_state": "POST /staff/{}/deactivate, POST /staff/{}/reactivate, POST /staff/{}/password-link,"
    " DELETE /staff/{}/second-factors",
    "staff.edit": "PATCH /staff/{}/roles",
    "staff.end_session": "DELETE /staff/{}/sessions/{}",
    "staff.end_sessions": "DELETE /staff/{}/sessions",
    "staff.new": "POST /staff",
    "subscriptions.activate": "POST /subscriptions/{}/activate",
    "subscriptions.activate_customer": "POST /customers/{}/activate",
    "subscriptions.add_device": "POST /subscriptions/{}/macs",
    "subscriptions.cancel": "POST /subscriptions/{}/cancel",
    "subscriptions.change_address": "POST /subscriptions/{}/assign-ip",
    "subscriptions.change_binding": "POST /subscriptions/{}/mac-binding",
    "subscriptions.change_device": "PATCH /subscriptions/{}/macs/{}, DELETE /subscriptions/{}/macs/{}",
    "subscriptions.change_expiry": "POST /subscriptions/{}/change-expiry",
    "subscriptions.change_password": "POST /subscriptions/{}/change-password",
    "subscriptions.change_plan": "POST /subscriptions/{}/change-plan, POST /subscriptions/{}/plan-change",
    "subscriptions.change_speed": "PATCH /subscriptions/{}/limits",
    "subscriptions.delete": "DELETE /subscriptions/{}",
    "subscriptions.disconnect": "POST /subscriptions/{}/disconnect",
    "subscriptions.edit": "PATCH /subscriptions/{}",
    "subscriptions.keep": "POST /subscriptions/{}/keep",
    "subscriptions.new": "POST /subscriptions",
    "subscriptions.reset_devices": "DELETE /subscriptions/{}/macs",
    "subscriptions.show_password": SHOWS_SECRET,
    "subscriptions.suspend": "POST /subscriptions/{}/suspend",
    "subscriptions.suspend_customer": "POST /customers/{}/suspend",
    "subscriptions.terminate": "POST /subscriptions/{}/terminate",
    "subscriptions.withdraw_plan": "DELETE /subscriptions/{}/plan-change",
    "tokens.new": "POST /tokens",
    "tokens.revoke": "DELETE /tokens/{}",
    "voucher_batches.add": "POST /voucher-batches/{}/vouchers",
    "voucher_batches.change_all": "POST /voucher-batches/{}/disable, POST /voucher-batches/{}/enable",
    "voucher_batches.edit": "PATCH /voucher-batches/{}",
    "voucher_batches.export": "POST /voucher-batches/{}/export",
    "voucher_batches.preview": FORM,
    "voucher_batches.sell": "POST /voucher-batches/{}/sales",
    "voucher_batches.sheet": "POST /voucher-batches/{}/sheets",
    "voucher_batches.take_back": "POST /voucher-sales/{}/take-back",
    "vouchers.change": "PATCH /vouchers/{}",
    "vouchers.many": "PATCH /vouchers/{}",
    "vouchers.new": "POST /vouchers",
    "vouchers.preview": FORM,
    "webhooks.change_secret": "POST /webhooks/{}/change-secret",
    "webhooks.do": "POST /webhooks/{}/ping, POST /webhooks/{}/resume, POST /webhooks/{}/replay-failed,"
    " DELETE /webhooks/{}",
    "webhooks.edit": "PATCH /webhooks/{}",
    "webhooks.new": "POST /webhooks",
    "webhooks.replay": "POST /webhook-deliveries/{}/replay",
}


def operations(app: Flask) -> set[str]:
    """Every method and path of the API, with {} for what changes in a path."""
    return {
        f"{method} {re.sub(r'<[^>]+>', '{}', rule.rule.removeprefix(PREFIX))}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{PREFIX}/")
        for method in rule.methods or ()
    }


def missing(answers: dict[str, str], there: set[str]) -> list[str]:
    return [
        f"{asked}: {one}"
        for asked, answer in answers.items()
        if not answer.startswith((LATER, NONE))
        for one in answer.split(", ")
        if one not in there
    ]


def test_everything_that_was_asked_for_is_there_or_has_its_reason(app: Flask) -> None:
    assert missing(ASKED_FOR, operations(app)) == []


def test_every_action_of_the_panel_can_be_done_over_the_api_or_has_its_reason(app: Flask) -> None:
    actions = {
        rule.endpoint.removeprefix("panel.")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("panel.") and {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())
    }

    assert actions - PANEL.keys() == set(), "say in PANEL by what the API does the same, or why it does not"
    assert PANEL.keys() - actions == set()
    assert missing(PANEL, operations(app)) == []


def test_the_document_has_every_operation_and_shows_what_each_may_answer(app: Flask) -> None:
    document = app.test_client().get(f"{PREFIX}/openapi.json").get_json()
    described = {
        f"{method.upper()} {re.sub(r'{[^}]+}', '{}', path.removeprefix(PREFIX))}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }
    real = {one for one in operations(app) if not one.startswith(("HEAD ", "OPTIONS "))}
    # The document and the page that shows it do not describe themselves.
    assert {one for one in real - described.keys() if not one.startswith(("GET /docs", "GET /openapi"))} == set()
    assert described.keys() - real == set()
    # Programs made from the document name their functions after these.
    names = Counter(operation.get("operationId", "") for operation in described.values())
    assert [name for name, count in names.items() if count > 1 or not name] == []
    for name, operation in described.items():
        assert operation.get("summary"), name
        assert operation["security"] == [{"bearer": []}], name
        assert {"401", "403", "429"} <= operation["responses"].keys(), name
        assert any(status.startswith("2") for status in operation["responses"]), name


def test_every_value_in_the_document_has_an_example_that_may_stand_there(app: Flask) -> None:
    document = app.test_client().get(f"{PREFIX}/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    single = {
        f"{name}.{key}": value
        for name, schema in schemas.items()
        for key, value in schema.get("properties", {}).items()
        if {"string", "integer", "number"} & set(kinds_of(value)) and "enum" not in value
    }

    assert len(single) > 2000
    assert [name for name, value in single.items() if not {"example", "default"} & value.keys()] == []
    assert [name for name, value in single.items() if not may_stand(value)] == []


def kinds_of(value: dict[str, Any]) -> list[str]:
    kinds = value.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def may_stand(value: dict[str, Any]) -> bool:
    example = value.get("example", value.get("default"))
    if example is None or isinstance(example, str):
        text = example or ""
        return len(text) <= value.get("maxLength", 10_000) and bool(
            re.search(value.get("pattern", ""), text) or not text
        )
    return bool(value.get("minimum", example) <= example <= value.get("maximum", example))
