"""What is done on a router through its API: looked at within a moment, or ordered and carried out by a job.

Whatever changes a router is a row in `router_orders`, written with the change that causes it; `dispatch` carries it
out. Whoever looks gets what the router says now, or else what it said last and when.
"""
