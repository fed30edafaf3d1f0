"""What setup.cfg cannot say: recipes and examples, top-level folders, are data of the package."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["gancompress*"]),
        "gancompress.recipes",
        "gancompress.examples",
    ],
    package_dir={"gancompress.recipes": "recipes", "gancompress.examples": "examples"},
)
