"""From samples to an order of PTMs: forwarding, scores, the race, what to expect of fine-tuning."""
