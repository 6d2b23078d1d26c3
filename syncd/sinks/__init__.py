"""Sinks: what takes events about carts, orders and customers to others."""
