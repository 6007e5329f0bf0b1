"""The picture and the pages: one for each scan, one for all."""
