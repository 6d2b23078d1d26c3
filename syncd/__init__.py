"""syncd keeps online stores and one business system per tenant in agreement: every unit sold leaves the stock exactly once."""

__version__ = "0.1.0"
