"""Which lengths of IPv6 prefix occur: who had an address is asked for by these, and by no other.

An installation hands out one or two lengths, and each is a look into the index of every month. They are noted in the
transaction that stores the first session with such a prefix.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from domain.addresses import PREFIX_COLUMNS

Connection = psycopg.Connection[Any]
ADDRESS_BITS = 128


def length_of(prefix: str) -> int:
    """The length of a prefix as text; an address alone is one of its own."""
    _, slash, length = prefix.partition("/")
    return int(length) if slash else ADDRESS_BITS


def note_lengths(connection: Connection, found: Iterable[tuple[str, int]]) -> None:
    """Note lengths as (column, length); those that are known cost nothing but the question."""
    pairs = sorted(set(found))
    if pairs:
        connection.execute(
            "INSERT INTO address_prefix_lengths (held, length) SELECT * FROM unnest(%s::text[], %s::smallint[])"
            " ON CONFLICT DO NOTHING",
            [[held for held, _ in pairs], [length for _, length in pairs]],
        )


def note_lengths_in(connection: Connection, table: str) -> None:
    """The same for all that a table of sessions holds; reads it."""
    for column in PREFIX_COLUMNS:
        statement = sql.SQL(
            "INSERT INTO address_prefix_lengths (held, length) SELECT DISTINCT {text}, masklen({column}) FROM {table}"
            " WHERE {column} IS NOT NULL ON CONFLICT DO NOTHING"
        )
        connection.execute(
            statement.format(text=sql.Literal(column), column=sql.Identifier(column), table=sql.Identifier(table))
        )


def known_lengths(connection: Connection) -> dict[str, list[int]]:
    """The lengths that occur by column; a column without any is not there."""
    rows = connection.execute("SELECT held, array_agg(length ORDER BY length) FROM address_prefix_lengths GROUP BY 1")
    return dict(rows.fetchall())
