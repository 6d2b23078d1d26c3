"""The seams: Protocols that the stores, the ERPs and the process's surroundings fulfil."""
