"""The generative models: networks, objectives, samplers, the engine that runs them. Knows nothing of pages or databases."""
