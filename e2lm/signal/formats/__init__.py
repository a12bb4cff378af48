"""Readers, one for each format: files -> points."""
