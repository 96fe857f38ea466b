"""Add the installing scripts of models to the package. Everything else is in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# The others work on a checkout.
SCRIPTS = ("install_model.sh", "make_checkpoint.py", "lib", "models")


class BuildWithScripts(build_py):
    """Copy setup/ to vmevalkit/_setup/. An editable installation uses setup/ itself."""

    def run(self) -> None:
        """Build the package, then copy."""
        super().run()
        if self.editable_mode:
            return
        source, target = Path(__file__).parent / "setup", Path(self.build_lib) / "vmevalkit" / "_setup"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in SCRIPTS:
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source / name, target / name)


setup(cmdclass={"build_py": BuildWithScripts})
