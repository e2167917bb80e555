"""Final answers: extraction from text and equality with a reference."""
