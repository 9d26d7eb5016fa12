"""Adapters: small files that let the big pretrained models speak the same protocol as our own networks."""
