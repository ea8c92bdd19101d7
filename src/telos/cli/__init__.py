"""The command line: one file per verb, each with `Command`, `EXAMPLES` and `run`."""
