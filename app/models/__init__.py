"""The models that are here or on the Hub, as people see them."""
