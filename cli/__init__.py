"""The `lintas` command: one file for each group of sub-commands."""
