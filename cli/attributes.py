"""`lintas attributes`, and the attributes written by hand for one subscription or for a plan."""

from collections.abc import Sequence
from typing import Any

import click

from bss import attributes, plans, subscriptions
from cli.output import emit, json_option, table
from cli.work import show_result, tenant_option, work
from db.queries.named import plan_named, subscription_named
from domain.access import NAS_TYPES, AttributeItem
from domain.attributes import ATTRIBUTES

HEAD = ("from", "attribute", "op", "value")
ROW = "'NAME OP VALUE'"


def _read_rows(_context: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> list[AttributeItem]:
    rows = [text.split(None, 2) for text in texts]
    wrong = next((text for text, row in zip(texts, rows, strict=True) if len(row) != 3), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r}: write it like 'Framed-Route += 10.9.0.0/24 0.0.0.0 1'")
    return [AttributeItem(*row) for row in rows]


set_option = click.option(
    "--set", "given", multiple=True, metavar=ROW, callback=_read_rows,
    help="Send an attribute; := in place of what is sent otherwise, += one more, = when none is sent.",
)  # fmt: skip
remove_option = click.option("--remove", "removed", multiple=True, metavar="NAME", help="Remove all rows of that name.")


@click.command("attributes")
@json_option
def known() -> None:
    """The RADIUS attributes that can be written by hand, each with an example."""
    rows = [ATTRIBUTES[name] for name in attributes.WRITABLE]
    fields = ("name", "repeats", "tagged", "vendors", "example")
    data = [{field: getattr(row, field) for field in fields} for row in rows]
    lines = [(row.name, "yes" if row.repeats else "", ", ".join(row.vendors) or "all", row.example) for row in rows]
    emit(data, table(lines, ("attribute", "repeats", "routers", "example")))


@click.command("attributes")
@click.argument("name", metavar="SUBSCRIPTION")
@set_option
@click.option(
    "--check", "conditions", multiple=True, metavar=ROW, callback=_read_rows,
    help="Let in only logins of which the router says so, such as 'NAS-Port-Id == ether3'.",
)  # fmt: skip
@remove_option
@click.option("--vendor", type=click.Choice(NAS_TYPES), default=NAS_TYPES[0], show_default=True, help="Kind of router.")
@tenant_option
@json_option
def of_subscription(
    name: str,
    given: list[AttributeItem],
    conditions: list[AttributeItem],
    removed: tuple[str, ...],
    vendor: str,
    tenant: str | None,
) -> None:
    """Show what is written by hand and what a login now would be sent; with --set, --check or --remove, change it."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        own = subscriptions.attributes_of(job.session, actor=job.actor, subscription_id=row.id)
        if given or conditions or removed:
            lists = {
                "checks": [*_without(own.checks, removed), *conditions],
                "replies": _changed(own.replies, given, removed),
            }
            result = job.do(subscriptions.set_attributes, subscription_id=row.id, **lists)
        else:
            result = None
            effective = job.do(attributes.effective, subscription_id=row.id, vendor=vendor)
    if result is not None:
        show_result("Saved", result)
    else:
        _show(own, effective)


@click.command("attributes")
@click.argument("name", metavar="PLAN")
@set_option
@remove_option
@tenant_option
@json_option
def of_plan(name: str, given: list[AttributeItem], removed: tuple[str, ...], tenant: str | None) -> None:
    """Show the plan's own reply attributes; with --set or --remove, change them for everybody who has it."""
    with work(tenant) as job:
        row = job.found(plan_named(job.session, name, tenant_id=job.tenant_id), "plan")
        rows = plans.attributes_of(row)
        if given or removed:
            changes = {"reply_attributes": _changed(rows, given, removed)}
            show_result("Saved", job.do(plans.edit, plan_id=row.id, changes=changes))
            return
    emit([item._asdict() for item in rows], table(rows, HEAD[1:]))


def _show(own: subscriptions.OwnAttributes, effective: attributes.Effective) -> None:
    lists = {"checks": own.checks, "replies": own.replies, "plan_replies": own.plan_replies}
    data: dict[str, Any] = {key: [item._asdict() for item in items] for key, items in lists.items()}
    sent = {"replies": [item._asdict() for item in effective.replies]}
    data["effective"] = {"refusal": effective.refusal, "problem": effective.problem, **sent}
    words = {"checks": "condition", "plan_replies": "plan", "replies": "own"}
    rows = [(word, *item) for key, word in words.items() for item in lists[key]]
    rows += [("is sent", *item) for item in effective.replies]
    refused = [f"A login now is refused: {effective.problem or effective.refusal}."] if effective.refusal else []
    emit(data, table(rows, HEAD) + refused)


def _changed(rows: list[AttributeItem], given: list[AttributeItem], removed: tuple[str, ...]) -> list[AttributeItem]:
    """The rows after the change: one that sets takes the place of those of its name."""
    replaced = tuple(row.attribute for row in given if row.op != "+=")
    return [*_without(rows, removed + replaced), *given]


def _without(rows: list[AttributeItem], names: tuple[str, ...]) -> list[AttributeItem]:
    gone = {name.lower() for name in names}
    return [row for row in rows if row.attribute.lower() not in gone]
