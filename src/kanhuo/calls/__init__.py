"""The life of a call: the heart of kanhuo."""
