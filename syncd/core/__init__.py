"""The rules of counting, pure: no I/O, no clock, no randomness. Functions from what is known to what is decided."""
