"""What speaks to one assistant; each room is a stranger to the others."""
