"""Watching the network: routers, alerts and metrics."""
