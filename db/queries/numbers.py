"""Running numbers of a tenant. The row stays locked until the transaction ends, so no number is given out twice."""

import psycopg

_NEXT = """
INSERT INTO number_sequences (tenant_id, name, period, last_value) VALUES (%s, %s, %s, 1)
ON CONFLICT (tenant_id, name, period) DO UPDATE SET last_value = number_sequences.last_value + 1
RETURNING last_value
"""


def next_number(connection: psycopg.Connection, *, tenant_id: int, name: str, period: str) -> int:
    """The next number of `name` in `period`, from 1."""
    row = connection.execute(_NEXT, (tenant_id, name, period)).fetchone()
    if row is None:
        raise LookupError("the sequence returned nothing")
    return int(row[0])
