"""Times as staff type them: in the provider's zone."""

from datetime import UTC, datetime

from webadmin.panel.support import zone


def from_local(moment: datetime | None) -> datetime | None:
    """A time typed in the provider's zone, as an instant."""
    return None if moment is None else moment.replace(tzinfo=zone()).astimezone(UTC)
