"""The comparison that the paper makes, at a small scale: same base, same data, same tokens seen by every model.

single: one model for all roles. one_stage: three models, each straight from the base on its role's samples. glpft: 60 %
of the tokens on all roles, then 40 % on its own for each role. All are measured on held-out records, with the tools'
grammar and without it, and compared with glpft by a paired bootstrap.

python benchmarks/comparison.py [--base nano] [--sets sgd gsm8k] [--tokens 400000] [--limit 100] [--out runs/comparison]

Needs the extras `train` and `evaluate`, and the data sets (ALPHA_UMI_DATA).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from alpha_umi.convert.trio import find_trio
from alpha_umi.training.export import save_checkpoint_folder
from alpha_umi.training.recipe import load_recipe
from alpha_umi.training.stages import Run
from alpha_umi.training.start import put_weights, tokenizer_of

MODES = ("single", "one_stage", "glpft")
FIRST = 0.6
DECODING = {"constrained": [], "unconstrained": ["--unconstrained"]}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--base", default="nano", help="a trio of the recipe's shape, whose roles' mean all begin with"
    )
    options.add_argument("--recipe", default="nano-more", help="recipe that has the base's shape")
    options.add_argument("--sets", nargs="+", default=["sgd", "gsm8k"], help="what is trained and measured on")
    options.add_argument("--also", nargs="*", default=["bfcl"], help="what is measured on as well")
    options.add_argument("--records", type=int, default=3000, help="records of each set at most")
    options.add_argument("--tokens", type=int, default=400_000, help="tokens that every model sees")
    options.add_argument("--rate", type=float, default=5e-4)
    options.add_argument("--limit", type=int, default=100, help="records of each set to measure on")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, default=Path("runs/comparison"))
    given = options.parse_args()

    base = given.out / "base"
    if not base.exists():
        write_base(given.base, given.recipe, base)
    for mode in MODES:
        if not (given.out / mode / "trio").exists():
            config = given.out / f"{mode}.toml"
            config.write_text(configuration(mode, base, given), encoding="utf-8")
            umi("train", "glpft", str(config), "--resume")
        for name, more in DECODING.items():
            tasks = [*given.sets, *given.also]
            where = ["--trio", str(given.out / mode / "trio"), "--out", str(given.out / f"{mode}-{name}")]
            umi("evaluate", "run", *tasks, *where, "--limit", str(given.limit), "--seed", str(given.seed), *more)
    for name in DECODING:
        for mode in MODES[:-1]:
            umi("evaluate", "compare", str(given.out / f"{mode}-{name}"), str(given.out / f"glpft-{name}"))


def write_base(trio: str, recipe: str, folder: Path) -> None:
    """The mean of a trio's roles as a Hugging Face checkpoint."""
    run = Run(load_recipe(recipe), folder.parent / "shape")
    run.prepare()
    model = run.new_model()
    put_weights(model, find_trio(trio))
    model.config._attn_implementation = "sdpa"
    save_checkpoint_folder(model, tokenizer_of(find_trio(trio)), folder)


def configuration(mode: str, base: Path, given: argparse.Namespace) -> str:
    sets = "\n".join(f'[[data]]\nset = "{name}"\nlimit = {given.records}\n' for name in given.sets)
    first, second = (FIRST, 1 - FIRST) if mode == "glpft" else (1.0, 1.0)
    stages = "" if mode == "one_stage" else stage("stage1", first, given)
    if mode != "single":
        stages += "".join(stage(f"stage2.{role}", second, given) for role in ("planner", "caller", "summarizer"))
    return f"""name = "{mode}"
output = "{given.out / mode}"
mode = "{mode}"
dialect = "nano"
seed = {given.seed}

[base]
model = "{base}"

{sets}
[text]
context = 1536

[machine]
device = "cpu"
bf16 = true

[export]
type = "q8_0"

{stages}"""


def stage(name: str, share: float, given: argparse.Namespace) -> str:
    tokens = int(share * given.tokens)
    return f"[{name}]\ntokens = {tokens}\nrate = {given.rate}\nwarm_up = 0.05\nbatch = 2\n\n"


def umi(*arguments: str) -> None:
    print("$ umi", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "alpha_umi", *arguments], check=True)


if __name__ == "__main__":
    main()
