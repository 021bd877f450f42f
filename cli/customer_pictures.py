"""`lintas customer picture`: the photo and the identity card of a customer."""

from pathlib import Path

import click

from bss import pictures
from cli.customer_records import customer_of, who
from cli.output import emit, json_option
from cli.work import tenant_option, work
from domain.customer_media import ID_CARD, PHOTO
from paper.picture import MAX_PHOTO_BYTES

# What staff type, and what it is called inside.
_KINDS = {"photo": PHOTO, "id-card": ID_CARD}
kind_argument = click.argument("kind", type=click.Choice(list(_KINDS)))


@click.group("picture")
def picture_group() -> None:
    """A customer's photo, and the picture of his identity card."""


@picture_group.command("put")
@who
@kind_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@tenant_option
@json_option
def put_picture(name: str, kind: str, file: Path, tenant: str | None) -> None:
    """Keep FILE (PNG, JPEG or WebP) in the place of the picture before; it is drawn anew."""
    with work(tenant) as job, file.open("rb") as stream:
        upload = stream.read(MAX_PHOTO_BYTES + 1)
        row = job.do(pictures.put, customer_id=customer_of(job, name).id, kind=_KINDS[kind], upload=upload)
        emit({"customer_id": row.id, "kind": kind}, [f"The {kind} of {row.name} is kept."])


@picture_group.command("get")
@who
@kind_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@tenant_option
@json_option
def get_picture(name: str, kind: str, file: Path, tenant: str | None) -> None:
    """Write the picture to FILE as JPEG; looking at an identity card is kept in the audit log."""
    with work(tenant) as job:
        customer_id = customer_of(job, name).id
        if kind == "id-card":
            found = job.do(pictures.id_card_of, customer_id=customer_id)
        else:
            found = pictures.photo_of(job.session, actor=job.actor, customer_id=customer_id)
        file.write_bytes(found.content)
    emit({"file": str(file), "bytes": len(found.content)}, [f"{len(found.content)} bytes in {file}"])


@picture_group.command("remove")
@who
@kind_argument
@tenant_option
@json_option
def remove_picture(name: str, kind: str, tenant: str | None) -> None:
    """Take a picture away."""
    with work(tenant) as job:
        job.do(pictures.remove, customer_id=customer_of(job, name).id, kind=_KINDS[kind])
    emit({"message": "removed"}, ["Removed."])
