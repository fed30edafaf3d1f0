"""pix2pix on façades and CycleGAN on apples and tomatoes at their published widths, in instalments.

GANCOMPRESS_SHARED=FOLDER python -m benchmarks.gpu.image_to_image OUT
"""

from benchmarks.gpu.instalments import Job, main

TINY = [
    "teach.steps=4", "teach.evaluate_every=2", "teach.evaluation_samples=4", "log_every=1",
    "threads=1",
    "data.held_out=0.9",
]  # fmt: skip

JOBS = [
    Job(
        "pix2pix-facades",
        "teach",
        "teach-pix2pix-facades",
        "teach",
        changes=[
            "teacher.kwargs.width=64", "teach.discriminator.kwargs.width=64",
            "teach.batch_size=4", "teach.steps=20000", "precision=bf16",
        ],
        tiny=[*TINY, "teacher.kwargs.width=4", "teach.discriminator.kwargs.width=4",
              "teach.batch_size=2"],
    ),
    Job(
        "cyclegan-apple2tomato",
        "teach",
        "teach-cyclegan-apple2tomato",
        "teach",
        changes=[
            "teacher.kwargs={width: 64, blocks: 6, resolution: 128}", "data.resolution=128",
            "teach.discriminator.kwargs={in_channels: 3, width: 64, norm_kind: instance}",
            "teach.jitter=12", "teach.steps=20000", "precision=bf16",
        ],
        tiny=[*TINY, "teacher.kwargs={width: 4, blocks: 1, resolution: 32}", "data.resolution=32",
              "teach.discriminator.kwargs.width=4", "teach.jitter=4"],
    ),
]  # fmt: skip

if __name__ == "__main__":
    main(__doc__, JOBS)
