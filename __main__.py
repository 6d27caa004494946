"""`python -m alpha_umi` is the `umi` command."""

from .cli import main

main()
