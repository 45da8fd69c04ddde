"""python -m orbweaver: the command `orbweaver`."""

from orbweaver.select.command import main

if __name__ == "__main__":
    main()
