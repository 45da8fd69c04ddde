"""What is expected of a PTM before any is run: the prior, how it is fitted, its page."""
