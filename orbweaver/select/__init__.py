"""`orbweaver rank` and what belongs to it: PTMs ranked for a user's own images or texts."""
