"""Volumes, agreement with a reference, and plausibility."""
