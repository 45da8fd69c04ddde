"""How well a ranking ranks: weighted tau, regret, ranks, intervals, gain over a prior, and what there is to rank."""
