"""I/O that every slice shares: database, journal, bus, alarm, objects. No framework."""
