"""From packets to usage: the spool is counted into sessions, totals and fair-use crossings, each record once."""
