"""Who gets the next call."""
