"""Submissions before any model runs: checks, overlap, imports, and judging by a language model."""
