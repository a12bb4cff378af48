"""task.yaml -> Task: strict YAML, the keys that are read, and what they may hold."""
