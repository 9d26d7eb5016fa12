"""Where weights are, whether they are what they claim to be, and how they become networks."""
