"""Our own extractor: which blocks of a page are its main content, and how they are written down."""
