"""The business: what staff do with customers, plans, subscriptions, routers and accounts.

A use-case takes a session, keyword arguments, an actor and `now`. It writes the rows, the audit entry and the changes
wanted on live sessions in one transaction and never commits: whoever calls it commits once, then nudges the sender.
"""
