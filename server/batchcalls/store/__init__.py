"""Where batches are kept: the contract, and those who keep it."""
