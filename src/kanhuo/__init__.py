"""kanhuo 看货: one-to-one video calls from a shop's buyer to its merchant, settled in the call."""
