"""The way out: ranks PTMs for a user's own data, by what a benchmark has learned about rankings."""
