"""One module a file format: it alone writes and reads it."""
