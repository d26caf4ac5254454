"""Words and pictures exchanged within a call."""
