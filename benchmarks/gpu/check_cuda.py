"""Does everything run on this GPU? Every verb and objective, tiny, in every precision.

    python -m benchmarks.gpu.check_cuda OUT

Says nothing of how good or fast anything is; needs no data.
"""

from benchmarks.gpu.instalments import ROOT, Job, main

TINY = str(ROOT / "tests" / "workflows" / "tiny.yaml")

# What changes about the tiny recipe, by name.
TEACHINGS = {
    "hinge-r1": ["teach.r1=0.1", "teach.r1_every=2"],
    "bce-adaptive": ["teach.loss=bce", "teach.augment=[translation, color, cutout]",
                     "teach.adaptive=0.6"],
    "wasserstein": ["teach.loss=wasserstein", "teach.gradient_penalty=10", "teach.critic_steps=2"],
    "unrolled": ["teach.loss=bce", "teach.unrolled=2"],
    "relativistic": ["teach.loss=least_squares", "teach.relativistic=true"],
    "stylegan2": [
        "teacher={factory: stylegan2, kwargs: {z_dim: 8, w_dim: 8, classes: 10, resolution: 16, "
        "channels: 1, channel_base: 64}}",
        "teach.discriminator={factory: stylegan2_discriminator, kwargs: {classes: 10, "
        "resolution: 16, channels: 1, channel_base: 64}}",
    ],
}  # fmt: skip

RUNS = {"run": [], "run-online": ["distill.online=true"]}

PRECISIONS = ("no", "bf16", "fp16")

JOBS = [
    *(
        Job(name=f"teach-{name}-{precision}", verb="teach", recipe=TINY, stage="teach",
            changes=[*changes, "teach.evaluate_every=4",
             "teach.evaluation_samples=40", f"precision={precision}"],
            # The CPU has no half precision of 16 bits.
            tiny=["precision=no"] if precision == "fp16" else [])
        for name, changes in TEACHINGS.items()
        for precision in PRECISIONS
    ),
    *(
        Job(name=f"{name}-{precision}", verb="run", recipe=TINY, stage="report",
            changes=[*changes, f"precision={precision}"],
            tiny=["precision=no"] if precision == "fp16" else [])
        for name, changes in RUNS.items()
        for precision in PRECISIONS
    ),
]  # fmt: skip

if __name__ == "__main__":
    main(__doc__, JOBS)
