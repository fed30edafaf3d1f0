"""The choices that every training has, as types of the options of teachers and students."""

from typing import Literal

AdversarialLoss = Literal["hinge", "bce", "least_squares", "wasserstein"]
Schedule = Literal["constant", "linear", "cosine"]
