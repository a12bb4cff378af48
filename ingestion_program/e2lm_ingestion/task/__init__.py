"""Reads task.yaml: strict YAML, supported keys, and their allowed values."""
