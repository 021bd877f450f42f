"""`lintas customer personal-data|anonymize|erase`: a customer's own data, and forgetting him."""

import json
from pathlib import Path
from typing import Any

import click

from bss import personal_data
from cli.customer_records import customer_of
from cli.output import emit, json_option
from cli.work import Work, tenant_option, work

who = click.argument("name", metavar="CUSTOMER|ID")
confirm_option = click.option(
    "--confirm", required=True, metavar="CODE", help="His customer code, to say who is meant."
)
money_option = click.option("--with-open-money", is_flag=True, help="Also where he owes or has credit.")


@click.command("personal-data")
@who
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; standard output without it.")
@tenant_option
@json_option
def export_data(name: str, output: Path | None, tenant: str | None) -> None:
    """Everything that is kept about a customer, as JSON. A deleted one is named by id."""
    with work(tenant) as job:
        found = job.do(personal_data.export, customer_id=_id_of(job, name))
    text = json.dumps(found, ensure_ascii=False, indent=1)
    if output is None:
        click.echo(text)
        return
    output.touch(mode=0o600)
    output.write_text(text + "\n", encoding="utf-8")
    emit({"file": str(output), "left_off": found["left_off"]}, [f"Everything about {name} is in {output}."])


@click.command("anonymize")
@who
@confirm_option
@money_option
@tenant_option
@json_option
def anonymize(name: str, tenant: str | None, **given: Any) -> None:
    """Take everything personal away for good; invoices and payments stay and name nobody."""
    _forget(personal_data.anonymize, name, tenant, given)


@click.command("erase")
@who
@confirm_option
@money_option
@tenant_option
@json_option
def erase(name: str, tenant: str | None, **given: Any) -> None:
    """Delete all that the books do not need, for good; where nothing was ever paid or asked, the record too."""
    _forget(personal_data.erase, name, tenant, given)


def _forget(verb: Any, name: str, tenant: str | None, given: dict[str, Any]) -> None:
    with work(tenant) as job:
        done = job.do(verb, customer_id=_id_of(job, name), **given)
    what = "Erased" if done.ending == "erased" else "Made anonymous"
    emit({"customer_id": done.customer_id, "ending": done.ending}, [f"{what}; {done.effect}."])


def _id_of(job: Work, name: str) -> int:
    """A number is an id, of a deleted customer too."""
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 18 else customer_of(job, name).id


COMMANDS = (export_data, anonymize, erase)
