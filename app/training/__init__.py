"""Training from the command line: one run, or all that the project ships."""
