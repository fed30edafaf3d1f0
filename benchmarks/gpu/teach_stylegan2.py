"""StyleGAN2 with adaptive augmentation on CIFAR-10, in instalments.

GANCOMPRESS_SHARED=FOLDER python -m benchmarks.gpu.teach_stylegan2 OUT
"""

from benchmarks.gpu.instalments import Job, main

JOBS = [
    Job(
        "teach-stylegan2-cifar10",
        "teach",
        "teach-stylegan2-cifar10",
        "teach",
        tiny=[
            "teacher.kwargs={z_dim: 8, w_dim: 8, classes: 10, resolution: 8, channels: 1,"
            " channel_base: 64}",
            "teach.discriminator.kwargs={classes: 10, resolution: 8, channels: 1,"
            " channel_base: 64}",
            "data={source: digits, resolution: 8, channels: 1}", "teach.steps=60",
            "teach.batch_size=8", "teach.evaluate_every=30", "teach.evaluation_samples=40",
            "log_every=2",
            "evaluate.extractor=classifier", "evaluate.classifier_steps=5", "threads=1",
        ],
    )
]  # fmt: skip

if __name__ == "__main__":
    main(__doc__, JOBS)
