"""`umi ARGUMENTS` with a scripted trio: python scripted_umi.py SCRIPT ARGUMENTS, SCRIPT being JSON."""

import json
import sys

from alpha_umi.cli import main
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.tui import app

script = json.loads(sys.argv.pop(1))
delay = script.pop("delay", 0)


class Desk(app.Desk):
    def __init__(self, home, options):
        super().__init__(home, options, engine=lambda: ScriptedEngine(script, delay=delay))


app.Desk = Desk
main()
