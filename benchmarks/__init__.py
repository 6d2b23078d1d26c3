"""How fast and how small syncd is, beside a floor that can't be beaten by much: `python -m benchmarks`."""
