"""Tables and queries: the only room with SQL.

Importing this package loads nothing heavy: the FreeRADIUS process imports `db.queries` and `db.crypto` only and must
not pay for an ORM it never uses.
"""
