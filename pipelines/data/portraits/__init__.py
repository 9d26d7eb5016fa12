"""What the sets of portraits share: pictures put together from drawn parts, and captions that name some of what is to be seen."""
