"""The tiny recipe, without its slow comparisons."""

from pathlib import Path

TINY = Path(__file__).with_name("tiny.yaml")
KEYS = ["finetune.steps=0", "search.trials=3", "search.finalists=0"]
