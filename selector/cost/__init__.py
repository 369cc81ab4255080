"""What concurrency costs: documented figures now, measured on the host by a later calibration."""
