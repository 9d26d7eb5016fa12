"""The device that networks run on, and what it has in memory."""
