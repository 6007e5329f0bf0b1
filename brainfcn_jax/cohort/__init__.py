"""Many scans: found, run, resumed, scored."""
