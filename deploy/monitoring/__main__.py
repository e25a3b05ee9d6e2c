"""Write the dashboard and the rules."""

from pathlib import Path

from deploy.monitoring.alerts import rules
from deploy.monitoring.dashboard import dashboard

FILES = {"alerts.yaml": rules, "postkontor.json": dashboard}


def main() -> None:
    """Write both files beside this one."""
    for name, text in FILES.items():
        Path(__file__).with_name(name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
