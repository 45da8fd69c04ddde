"""Getting published data: downloads, archives, the Hugging Face hub."""
