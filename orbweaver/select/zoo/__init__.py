"""Which PTMs to rank: those of a benchmark, named ones, public ones that can be afforded."""
