"""What was made, found again, and drawn again."""
