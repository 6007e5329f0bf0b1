"""From one scan to its labels."""
