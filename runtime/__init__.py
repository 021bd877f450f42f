"""How this installation runs: settings, logs, the job queue, and the servers that are started here."""
