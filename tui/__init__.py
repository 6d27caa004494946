"""What a person sees: consumers of the runtime's events."""
