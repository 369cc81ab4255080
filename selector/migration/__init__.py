"""From one approach to another, step by step."""
