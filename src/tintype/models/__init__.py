"""Models by name: their cards, where they come from, and the ones in the wheel."""
