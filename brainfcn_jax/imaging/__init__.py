"""Scans on grids: read, checked, written, resampled, equalised."""
