"""Words every slice shares. Standard library only, no I/O but the clock and the random source."""
