"""Pre-trained models (PTMs): their cards, how they are built and given weights, how they are fed, and training."""
