"""Having what was published: downloads, archives, the hub."""
