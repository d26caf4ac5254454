"""The network's side of the house: the socket, sign-in, refusals, pages."""
