"""The benchmark of a recommendation: planned, written as a script, run on this host, and its times judged."""
