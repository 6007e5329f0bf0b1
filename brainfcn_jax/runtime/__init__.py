"""The machine: JAX's environment, background work, locks, atomic files; it knows no brains."""
