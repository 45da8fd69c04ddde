"""Pre-trained models (PTMs): what is known of one, how it is built, given its weights, fed and trained."""
