"""What a user tells us about a workload, and how it is read."""
