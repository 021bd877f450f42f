"""Bills for many customers at once: runs, and how a customer wants to be billed."""
