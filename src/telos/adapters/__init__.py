"""Adapters: planners and world models of other libraries beside those of telos."""
