"""What this host takes: measured, kept, used."""
