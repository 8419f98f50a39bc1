"""Session descriptions: text in, text out. Pure."""
