"""Queries written as SQL, over a psycopg connection. No ORM: the FreeRADIUS process and the collector use these."""
