"""Whether files are what they claim to be, before any library reads them."""
