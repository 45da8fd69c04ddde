"""One module for each file format; only that module writes and reads it."""
