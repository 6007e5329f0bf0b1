"""Segmentation of brain tissues in MR images with a 3D-like fully convolutional network."""
