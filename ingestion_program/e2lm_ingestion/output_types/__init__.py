"""What a model is asked for each output type, and how its answers become a score per item."""
