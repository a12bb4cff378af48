"""What participants hand in, before any model is run: checks, overlap, imports, and what a judge says of it."""
