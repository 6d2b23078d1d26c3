"""Who runs the steps: here, one process with one task per store and a few per tenant."""
