"""Ready-made benchmarks: parameter files that `python -m stages.benchmarks NAME` puts into params.yaml."""
