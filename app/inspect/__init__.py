"""Looking inside: pictures under a model, as codes, and between seeds."""
