"""Inputs of scoring: results, their seal, and scoring.yaml."""
