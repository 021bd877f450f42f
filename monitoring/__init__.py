"""Watching the installation and the network: what is measured, what is an alarm, and how both are told."""
