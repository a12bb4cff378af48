"""Suites of checkpoints: the registry, the download from the Hub, the disk-budget cache, and the miniature suite."""
