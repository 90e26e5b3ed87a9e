"""What pyproject.toml cannot say: the configurations of the clone are a part of the installed package too."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["matting", "matting.*"]), "matting.configs"],
    package_dir={"matting.configs": "configs"},
    package_data={
        "matting.configs": ["**/*.yml"],
        "matting.pages": ["assets/*"],
        "matting.serve": ["assets/*"],
    },
)
