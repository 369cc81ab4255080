"""One function over many items on a distributed engine: the same commands, results and promises for each engine."""
