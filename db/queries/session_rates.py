"""How the rate between a session's last two reports is kept, as a part of the statements that write sessions."""

# Of the row `r` and its new values `n`, by the router's own seconds; a report that is no later leaves it as it was.
# A byte a second is a 125th of a kilobit.
REPORTED_RATES = ", ".join(
    f"{name}_kbps = CASE WHEN n.session_time_s > r.acctsessiontime THEN least(2147483647,"
    f" greatest(0, n.{name}_bytes - r.{column}) / (125 * (n.session_time_s - r.acctsessiontime)))::int"
    f" ELSE r.{name}_kbps END"
    for name, column in (("upload", "acctinputoctets"), ("download", "acctoutputoctets"))
)
