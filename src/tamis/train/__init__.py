"""Training small models on one device, deterministically."""
