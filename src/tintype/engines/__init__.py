"""Who calls `colorize_one` over a plan: this machine, or several."""
