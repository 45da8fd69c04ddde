"""What everything stands on: places, files and their formats, the cache of finished work, errors, the machine."""
