"""Metrics computed from log-likelihoods: the built-in ones, and expressions in a task."""
