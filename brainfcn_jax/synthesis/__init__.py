"""Scans made from label maps."""
