"""To prove, test and compare decision tables."""
