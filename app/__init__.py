"""What a person sees: command line, page, and the one service under both."""
