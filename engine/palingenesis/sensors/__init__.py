"""What belongs to no assistant: workflow documents, host, policy file."""
