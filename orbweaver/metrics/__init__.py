"""How well a ranking ranks: weighted tau, regret, ranks, intervals, and what the truth leaves to rank."""
