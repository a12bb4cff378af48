"""What is computed of log-likelihoods: the built-in metrics, and expressions that a task may write."""
