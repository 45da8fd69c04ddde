"""What is odd in a user's data, before a PTM sees it."""
