"""The webhook receiver: it verifies, notes durably that an order has changed, and answers. It never reads an order."""
