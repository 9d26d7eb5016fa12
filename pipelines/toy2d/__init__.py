"""The models in the plane, small enough to be trained while one looks on."""
