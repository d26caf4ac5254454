"""Who can be rung now."""
