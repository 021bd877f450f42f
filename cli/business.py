"""The business commands, gathered under the names that `cli.main` knows."""

from cli import books as bookkeeping
from cli.allowances import family, plan_hours, plan_quota, quota_group, topup
from cli.attributes import known, of_plan, of_subscription
from cli.customer_pictures import picture_group
from cli.customer_records import COMMANDS
from cli.customers import customer, subscription, usage
from cli.devices import bind, blacklist, group, mac, plan_sessions
from cli.fair_use import fup
from cli.gardens import garden
from cli.gateways import accounts_group, orders_group, reconcile
from cli.history import usage_history
from cli.money import (
    add_days,
    give_credit,
    invoice,
    log_of_subscription,
    move_to_plan,
    payment,
    renew,
    show_balance,
    take_credit,
)
from cli.network import nas, plan, sessions
from cli.operators import operator
from cli.paper import invoice_pdf, letterhead, receipt_pdf
from cli.payment_links import link_group, parked_group
from cli.personal_data import COMMANDS as DATA_COMMANDS
from cli.plan_changes import rollout
from cli.provider import provider
from cli.registrations import registration_group
from cli.router_api import connect
from cli.router_test import test_nas
from cli.speed_tests import speed_test_group
from cli.staff import token, user
from cli.subscription_terms import COMMANDS as TERM_COMMANDS
from cli.vouchers import hotspot_login, voucher

for command in (*COMMANDS, *DATA_COMMANDS, picture_group, speed_test_group, registration_group):
    customer.add_command(command)
for command in bookkeeping.OF_OPERATORS:
    operator.add_command(command)
customer.add_command(bookkeeping.rewards)
subscription.add_command(bookkeeping.recharge)
subscription.add_command(of_subscription)
subscription.add_command(fup)
usage.add_command(usage_history)
for command in (show_balance, give_credit, take_credit):
    customer.add_command(command)
for command in (renew, add_days, move_to_plan, log_of_subscription, *TERM_COMMANDS):
    subscription.add_command(command)
for command in (accounts_group, orders_group, parked_group, link_group, reconcile):
    payment.add_command(command)
subscription.add_command(mac)
subscription.add_command(bind)
nas.add_command(group)
plan.add_command(plan_sessions)
plan.add_command(of_plan)
plan.add_command(plan_hours)
plan.add_command(plan_quota)
invoice.add_command(invoice_pdf)
payment.add_command(receipt_pdf)
provider.add_command(letterhead)
customer.add_command(hotspot_login)

__all__ = [
    "blacklist",
    "connect",
    "customer",
    "family",
    "garden",
    "invoice",
    "known",
    "nas",
    "operator",
    "payment",
    "plan",
    "provider",
    "quota_group",
    "rollout",
    "sessions",
    "subscription",
    "test_nas",
    "token",
    "topup",
    "usage",
    "user",
    "voucher",
]
