"""The public API as generated from ``proto/batchcalls/v1``: ``make proto`` writes the rest."""
