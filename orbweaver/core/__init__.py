"""What all other packages use: where files lie, file formats, the cache of finished work, errors, cores and GPUs."""
