"""Ingestion: a submitted task and a suite of checkpoints in, a score per item and checkpoint out."""
