"""Running numbers of a tenant. The row stays locked until the transaction ends, so no number is given out twice."""

import psycopg

_NEXT = """
INSERT INTO number_sequences (tenant_id, name, period, last_value)
VALUES (%(tenant_id)s, %(name)s, %(period)s, %(count)s)
ON CONFLICT (tenant_id, name, period) DO UPDATE SET last_value = number_sequences.last_value + %(count)s
RETURNING last_value
"""


def next_numbers(connection: psycopg.Connection, *, tenant_id: int, name: str, period: str, count: int = 1) -> range:
    """The next `count` numbers of `name` in `period`, from 1."""
    values = {"tenant_id": tenant_id, "name": name, "period": period, "count": count}
    row = connection.execute(_NEXT, values).fetchone()
    if row is None:
        raise LookupError("the sequence returned nothing")
    return range(int(row[0]) - count + 1, int(row[0]) + 1)
