"""The 2-D laboratory."""
