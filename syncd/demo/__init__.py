"""The demo: three simulated shops, an ERP, shoppers, faults, a daemon that is killed twice, and a verdict to the unit.

`run.main` is the whole of it. The shops live in one process (`shops`), the daemon in another, both on a leash (`leash`):
they end with this process, however it ends. What is true is asked of the shops alone, and counted here (`reckoning`)
without any of syncd's own rules, so that the verdict doesn't lean on what it judges.
"""
