"""Suites of checkpoints: those that come with the project, how they get here, and the cache of those on the Hub."""
