"""Comparisons: axes, plan, run, what is measured of the cells, charts and what they say, files to take away."""
