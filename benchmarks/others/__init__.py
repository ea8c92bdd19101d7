"""Other libraries' planners on our learned model; see benchmarks/other_planners.py."""
