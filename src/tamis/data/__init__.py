"""From raw documents to tokens: sources, scores, edits, selections."""
