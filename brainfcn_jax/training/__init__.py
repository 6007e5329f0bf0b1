"""From a config to its weights."""
