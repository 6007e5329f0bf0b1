"""What is written of one scan, and of all."""
