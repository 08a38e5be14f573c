"""`python -m circle15` is the command line."""

from circle15.cli import main

main()
