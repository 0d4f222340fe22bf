"""``python -m lexret`` is the command ``lexret``."""

from lexret.cli.main import main

if __name__ == "__main__":
    main(prog_name="lexret")
