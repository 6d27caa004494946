"""Samples as the paper's own files have them: texts of a planner's turn and what follows it."""

from alpha_umi.evaluation.metrics import Step

TOOLS = ("search", "weather", "clock")
CALL = Step("caller", "weather", '{"city": "Rome", "days": 3}')
END = Step("conclusion", answer="It will rain in Rome. Take an umbrella.")
GIVE_UP = Step("give up")


def call(arguments, tool="weather"):
    return Step("caller", tool, arguments)
