"""What scoring reads: results, their seal, and scoring.yaml."""
