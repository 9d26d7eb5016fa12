"""`shapes`: one or two things of known shape, colour and size on a plain ground, made by a formula and judged by rules."""
