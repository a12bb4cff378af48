"""The sweep over checkpoints: what is scored on which engine, in this process, in several, or on a Ray cluster."""
