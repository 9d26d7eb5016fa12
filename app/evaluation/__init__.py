"""What models can do, measured: one, every sampler of a family, all families side by side."""
