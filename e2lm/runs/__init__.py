"""Runs of submissions over a suite: one, many at once, compared with each other or with earlier ones."""
