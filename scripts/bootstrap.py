"""Make the virtual environment and install one locked requirements file into it.

    python3 scripts/bootstrap.py VENV requirements/runtime.txt STAMP

Needs nothing but Python's standard library. STAMP is touched when everything is installed, so
that make can tell a finished installation from an interrupted one.
"""

import re
import subprocess
import sys
from pathlib import Path

MINIMUM = (3, 11)
NO_VENV = """
This Python cannot make virtual environments: {reason}.
On Debian and Ubuntu install the missing part and run make again:
    apt-get install python{version}-venv
"""


def main() -> None:
    venv, requirements, stamp = (Path(argument) for argument in sys.argv[1:4])
    if sys.version_info < MINIMUM:
        sys.exit(f"Python {MINIMUM[0]}.{MINIMUM[1]} or later is needed, this is {sys.version}")
    if not (venv / "bin" / "pip").exists():
        make_environment(venv)
    install(venv, requirements)
    stamp.touch()


def make_environment(venv: Path) -> None:
    for module in ("venv", "ensurepip"):
        try:
            __import__(module)
        except ImportError:
            refuse(f"the module {module} is missing")
    print(f"Making {venv} with Python {sys.version.split()[0]}", flush=True)
    # --clear: what an interrupted attempt left behind must not be built upon.
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=False).returncode:
        refuse("python -m venv failed, see above")


def refuse(reason: str) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sys.exit(NO_VENV.format(reason=reason, version=version))


def install(venv: Path, requirements: Path) -> None:
    """Install with hash checking, one progress line that grows while packages are fetched."""
    total = len(re.findall(r"^[A-Za-z0-9]\S*==", requirements.read_text(), re.MULTILINE))
    print(f"Installing {requirements}: {total} packages, about a minute the first time", flush=True)
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--require-hashes"]
    # The lock is complete: nothing is left to resolve.
    command += ["--no-deps", "--no-input", "--progress-bar=off", "-r", str(requirements)]
    output: list[str] = []
    seen = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            output.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                seen += 1
                if seen % 20 == 0:
                    print(f"  {seen} of {total}", flush=True)
            elif line.startswith("Installing collected"):
                print("  unpacking", flush=True)
    if pip.returncode:
        sys.exit(f"pip failed:\n{''.join(output[-30:])}")
    print("  done", flush=True)


if __name__ == "__main__":
    main()
