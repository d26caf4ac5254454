"""What each person said yes to, purpose by purpose."""
