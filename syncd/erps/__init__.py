"""The ERPs: one package each. They know neither each other, nor the stores, nor the ledger."""
