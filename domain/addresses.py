"""By which columns of a session a customer may hold more than one address."""

# What RADIUS calls Framed-IPv6-Prefix and Delegated-IPv6-Prefix.
PREFIX_COLUMNS = ("framedipv6prefix", "delegatedipv6prefix")
