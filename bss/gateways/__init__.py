"""Paying through gateways: accounts there, orders, webhooks, reconciliation, links to pay, and parked money.

A gateway is asked outside of any transaction, so the functions that talk to one commit before and after; they say so.
All others are use-cases like everywhere: they take a session and never commit.
"""
