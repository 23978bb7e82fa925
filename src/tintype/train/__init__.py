"""Training: a recipe and pictures in, a run folder out."""
