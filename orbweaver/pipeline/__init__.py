"""What drives DVC: the parameters, the plan, running it here or on a cluster, pruning, ready-made benchmarks."""
