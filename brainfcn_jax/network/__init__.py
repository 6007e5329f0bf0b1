"""The network, its convolutions and kernels, weight files, and the shipped models."""
