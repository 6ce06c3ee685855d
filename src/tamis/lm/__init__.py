"""What data, training and evaluation must agree on: tokenizer, model, log-probabilities."""
