"""Breaks the installation on purpose, under load, and counts what was lost.

A fleet of simulated routers owns the truth: which logins it was promised, which records were acknowledged, how many
bytes each session moved. While it sends, a fault is injected and healed; afterwards everything that was acknowledged
must stand in the database once, to the byte, and nobody may have been refused or let in wrongly.

    make faults                                  all of them, a few thousand records each
    make faults FAULTS=a1,b7 FAULT_RECORDS=100000
"""
