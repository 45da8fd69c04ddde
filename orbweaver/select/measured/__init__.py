"""What ranking is worth on a published benchmark."""
