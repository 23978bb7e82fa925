"""Networks and losses, and nothing else: no files, no training state."""
