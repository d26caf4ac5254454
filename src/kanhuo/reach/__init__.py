"""How an agent is rung: on her open pages, and where none is open by whatever else she has allowed."""
