"""What a person or an agent uses; surfaces are strangers to one another."""
