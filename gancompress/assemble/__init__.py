"""From the words of a recipe and the files of a run to the objects that the verbs work with."""

from gancompress.assemble.data import open_all, open_data, real_images
from gancompress.assemble.student import (
    build_discriminator,
    is_black_box,
    load_supernet,
    make_supernet,
    open_student,
    seeded,
    student_architecture,
    student_factory,
)
from gancompress.assemble.teacher import (
    inputs_of,
    load_teacher,
    open_teacher,
    read_student,
    stated_inputs,
    taught_architecture,
    teacher_data,
)
from gancompress.assemble.training import prepare

__all__ = [
    "build_discriminator",
    "inputs_of",
    "is_black_box",
    "load_supernet",
    "load_teacher",
    "make_supernet",
    "open_all",
    "open_data",
    "open_student",
    "open_teacher",
    "prepare",
    "read_student",
    "real_images",
    "seeded",
    "stated_inputs",
    "student_architecture",
    "student_factory",
    "taught_architecture",
    "teacher_data",
]
