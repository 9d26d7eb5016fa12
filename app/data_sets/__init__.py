"""Pictures of the user's own as data sets: a folder or a zip is read, judged file by file, and kept."""
