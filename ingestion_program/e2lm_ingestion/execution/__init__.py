"""Sweep over checkpoints: scheduling of evaluations on engines in this process, in several processes or on Ray."""
