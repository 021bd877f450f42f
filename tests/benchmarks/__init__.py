"""Measurements side by side: our FreeRADIUS, stock FreeRADIUS with rlm_sql, and FreeRADIUS without a database.

All three get the same packets from the same load generator in alternating rounds on one machine, so noise hits them
alike; only ratios are claims.  `lintas bench` runs them.

    load          radload.c: compiled and run, its one line of JSON as a value
    lab           a private PostgreSQL and everything that is started on it, and its end
    subscribers   the rows of the measured provider
    peers         the two servers that ours is measured against
    logins, records, fair_use   one measurement each
    verdict       medians, ratios, processor time, what was invalid
"""
