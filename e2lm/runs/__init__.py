"""Runs of submissions over a suite: single runs, reruns of many, and comparisons of runs."""
