"""The Hub: asked, searched, downloaded from and published to."""
