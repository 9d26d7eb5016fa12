"""From what was asked for to kept pictures: the request, its job, what is recorded on the way."""
