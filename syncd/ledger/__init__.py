"""The durable book: one SQLite file, one writer, group commit. The only truth about what syncd did."""
