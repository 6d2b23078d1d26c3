"""The store adapters, one package per platform: wire types, reading and writing, mapping to core values."""
