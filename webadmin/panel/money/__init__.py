"""Invoices, payments, balances and the rules of billing on screen."""
