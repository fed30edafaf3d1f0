"""The teacher of ``teach_stylegan2.py`` distilled into DiStyleGAN and searched, in instalments.

    GANCOMPRESS_SHARED=FOLDER python -m benchmarks.gpu.distill_cifar10 OUT

``OUT`` is the folder that the teacher was trained in.
"""

from benchmarks.gpu.instalments import Job, main

SHARED = "${GANCOMPRESS_SHARED:-../shared}"

JOBS = [
    Job(
        "distill-cifar10",
        "run",
        "cifar10",
        "report",
        changes=[
            "teacher.file={out}/teach-stylegan2-cifar10/teacher.safetensors",
            "teacher.family=''",
            f"data.source={SHARED}/data/cifar10-train.zip",
            f"evaluate.extractor=resnet20:{SHARED}/weights/resnet20-cifar10.safetensors",
            "evaluate.samples=10000",
            "precision=bf16",
            "distill.steps=20000",
        ],
        tiny=[
            "student.kwargs={z_dim: 8, classes: 10, width: 16, resolution: 8, channels: 1,"
            " project_dim: 8}",
            "distill.discriminator.kwargs={classes: 10, width: 8, resolution: 8, channels: 1,"
            " project_dim: 8}",
            "data={source: digits, resolution: 8, channels: 1}", "distill.steps=40",
            "distill.batch_size=8", "collect.count=60", "collect.held_out=20", "collect.shard=20",
            "search.mac_budget=120K", "search.trials=4", "search.score_samples=8",
            "search.finalists=2", "search.finalist_samples=20", "search.seeds=2",
            "search.calibration_batches=1", "evaluate.extractor=classifier",
            "evaluate.classifier_steps=5", "evaluate.samples=20", "evaluate.latency_runs=3",
            "threads=1", "log_every=2",
        ],
    )
]  # fmt: skip

if __name__ == "__main__":
    main(__doc__, JOBS)
