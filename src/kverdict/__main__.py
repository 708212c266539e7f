"""`python -m kverdict`."""

from kverdict.cli import main

if __name__ == "__main__":
    main()
