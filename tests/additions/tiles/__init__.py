"""A data set of one folder: two tiles, one above the other."""
