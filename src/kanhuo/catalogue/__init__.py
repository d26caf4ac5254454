"""Products, orders and cases as a call shows them: the context card."""
