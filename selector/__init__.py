"""Which concurrency approach fits a workload, and why."""
