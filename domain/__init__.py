"""The rules: what may log in, at what speed, for how long, and what a byte belongs to.

Pure: no I/O, no clock, nothing but the standard library. `now` is handed in, aware and in UTC.
"""
