"""How large an installation has to be, and how it behaves: a capacity model and discrete-event simulations of it."""
