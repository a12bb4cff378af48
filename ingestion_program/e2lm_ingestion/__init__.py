"""Ingestion: evaluates a submitted task on a suite of checkpoints and writes a score for each item and checkpoint."""
