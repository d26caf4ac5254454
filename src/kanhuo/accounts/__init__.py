"""Who is who, and what each may do."""
