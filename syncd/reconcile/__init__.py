"""The steps: read, decide, commit, and say when to come again. Each works on any store and any ERP behind their ports."""
