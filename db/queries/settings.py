"""Named settings of a tenant."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Setting


def read_settings(session: Session, *, tenant_id: int, prefix: str) -> dict[str, Any]:
    """The tenant's settings under a prefix, by the rest of their name."""
    rows = session.execute(
        select(Setting.key, Setting.value).where(
            Setting.tenant_id == tenant_id, Setting.key.startswith(prefix, autoescape=True)
        )
    )
    return {key.removeprefix(prefix): value for key, value in rows}


def write_setting(session: Session, *, tenant_id: int, key: str, value: Any) -> None:
    """Set one; it replaces what was there."""
    statement = insert(Setting).values(tenant_id=tenant_id, key=key, value=value)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Setting.tenant_id, Setting.key], set_={"value": statement.excluded.value}
        )
    )
