"""How any training runs: checkpoints, exact resume, averaging, guards, logs."""
