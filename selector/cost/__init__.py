"""What concurrency costs, and what that makes of a workload under each approach: time, memory, latency. Pure functions."""
