"""The engine: keys, steps, the store and the runner. Knows nothing of text or models."""
