"""`python -m palingenesis` is the same as the command `palingenesis`."""

from palingenesis.surfaces.cli import main

if __name__ == "__main__":
    main()
