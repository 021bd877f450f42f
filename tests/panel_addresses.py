"""Every address of the panel that can be opened, found in the application itself: a new page needs no mention here."""

import re
from collections.abc import Callable

from flask import Flask
from werkzeug.routing import Rule

# Which table a number in an address names a row of.
TABLES = {
    "batch_id": "voucher_batches", "bulk_id": "bulk_changes", "certificate_id": "issued_certificates",
    "customer_id": "customers", "equipment_id": "customer_equipment", "expense_id": "expenses",
    "family_id": "families", "gateway_id": "payment_gateways", "group_id": "nas_groups",
    "invoice_id": "invoices", "job_id": "customer_jobs", "nas_id": "nas_servers", "operator_id": "operators",
    "payment_id": "payments", "plan_id": "service_plans", "record_id": "quarantined_records",
    "role_id": "roles", "row_id": "gateway_orders", "run_id": "billing_runs", "sheet_id": "voucher_sheets",
    "subscription_id": "subscriptions", "user_id": "users",
    "webhook_id": "webhooks", "delivery_id": "webhook_deliveries",
}  # fmt: skip
_WORDS = {"name": "bss.billing", "reason": "subscription_expired", "tab": "queues", "kind": "midtrans"}
_ARGUMENT = re.compile(r"<(?:any\((?P<first>[^,)]+)[^)]*\):|[^<>:]*:)?(?P<name>[a-z_]+)>")


def rules_to_look_at(app: Flask) -> list[Rule]:
    """Every rule of the panel that answers a GET."""
    rules = app.url_map.iter_rules()
    return [rule for rule in rules if rule.endpoint.startswith("panel.") and "GET" in (rule.methods or ())]


def address_of(rule: Rule, number_of: Callable[[str], int | None]) -> str | None:
    """The rule's address with a row for each number, as `number_of` names one of a table; None without such a row."""
    values: dict[str, object] = {}
    for found in _ARGUMENT.finditer(rule.rule):
        name = found["name"]
        value = number_of(TABLES[name]) if name in TABLES else found["first"] or _WORDS.get(name)
        if value is None:
            return None
        values[name] = value
    return _ARGUMENT.sub(lambda found: str(values[found["name"]]), rule.rule)
