"""What a ranking says: its table, advice, page, and how to load a fine-tuned PTM."""
