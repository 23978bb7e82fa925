"""Training pictures: sources give pictures by number, the loader gives batches by position."""
