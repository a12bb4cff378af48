"""What `e2lm check` looks for in a right submission: each module takes questions and returns findings or numbers."""
