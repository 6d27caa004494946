"""The parts of the screens, one to a file; `python -m alpha_umi.tui.widgets.NAME` shows one alone."""
