"""One loop that trains every family, and how far a run has come."""
