"""How good color is, measured beside doing nothing and beside the truth."""
