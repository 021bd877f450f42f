"""The REST API: `/api/v1`, one path and one spelling for each thing, over the same use-cases as the panel."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from webadmin import limits
from webadmin.api import (
    accounting,
    alarms,
    allowances,
    attributes,
    billing_profiles,
    billing_runs,
    blacklist,
    books,
    bulk_changes,
    certificates,
    changes,
    customer_jobs,
    customer_parts,
    customer_pictures,
    customers,
    dashboard,
    diagnosis,
    docs,
    fair_use,
    gardens,
    gateways,
    history,
    jobs,
    me,
    money,
    nas,
    nas_groups,
    operators,
    paper,
    personal_data,
    plans,
    provider,
    refusals,
    registrations,
    retention,
    rollouts,
    router_api,
    router_test,
    server,
    sessions,
    speed_tests,
    staff,
    subscriptions,
    tokens,
    voucher_batches,
    vouchers,
    webhooks,
)
from webadmin.api.base import init_api
from webadmin.security import csrf

BLUEPRINTS = (
    me.blueprint,
    dashboard.blueprint,
    customers.blueprint,
    customer_parts.blueprint,
    customer_pictures.blueprint,
    speed_tests.blueprint,
    registrations.blueprint,
    personal_data.blueprint,
    customer_jobs.blueprint,
    operators.blueprint,
    plans.blueprint,
    rollouts.blueprint,
    subscriptions.blueprint,
    diagnosis.blueprint,
    fair_use.blueprint,
    allowances.blueprint,
    attributes.blueprint,
    blacklist.blueprint,
    gardens.blueprint,
    vouchers.blueprint,
    voucher_batches.blueprint,
    paper.blueprint,
    money.blueprint,
    books.blueprint,
    gateways.blueprint,
    nas.blueprint,
    nas_groups.blueprint,
    refusals.blueprint,
    router_test.blueprint,
    router_api.blueprint,
    server.blueprint,
    provider.blueprint,
    certificates.blueprint,
    alarms.blueprint,
    billing_profiles.blueprint,
    billing_runs.blueprint,
    jobs.blueprint,
    retention.blueprint,
    accounting.blueprint,
    history.blueprint,
    sessions.blueprint,
    changes.blueprint,
    bulk_changes.blueprint,
    tokens.blueprint,
    webhooks.blueprint,
    staff.blueprint,
)


def register_api(app: Flask, limiter: Limiter) -> None:
    """Give the application its API, its document and its limits."""
    api = init_api(app)
    by_client = limiter.shared_limit(limits.API_PER_CLIENT, scope="api", key_func=limits.token_or_address)
    by_address = limiter.shared_limit(limits.API_PER_ADDRESS, scope="api-address", key_func=get_remote_address)
    for blueprint in BLUEPRINTS:
        # A cookie is not accepted here, so there is nothing for another site to ride on.
        csrf.exempt(blueprint)
        by_client(blueprint)
        by_address(blueprint)
        api.register_blueprint(blueprint)
    docs.register_docs(app, api)
