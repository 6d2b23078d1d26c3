"""The stores and ERPs to try things on: real HTTP servers with their rules, their faults and their ground truth.

Nothing here imports the rest of syncd: a simulator shares no logic with what it is there to check.
"""
