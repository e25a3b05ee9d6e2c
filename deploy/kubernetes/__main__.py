"""Write the chart's generated files, and the roles that a CloudNativePG cluster begins with."""

import json
from pathlib import Path

from deploy.database.roles import statements
from deploy.kubernetes import topology, values
from deploy.monitoring.alerts import rules
from deploy.monitoring.dashboard import dashboard

DEPLOY = Path(__file__).resolve().parents[1]
DATABASE = "postkontor"


def generated() -> dict[str, str]:
    """Return the text of every generated file, by its path under deploy/."""
    return {
        "chart/postkontor/values.schema.json": _json(values.schema()),
        "chart/postkontor/files/topology.json": _json(topology.for_chart()),
        "chart/postkontor/files/alerts.yaml": rules(),
        "chart/postkontor/files/dashboard.json": dashboard(),
        "values/postgres-roles.yaml": _roles(),
    }


def main() -> None:
    """Write them."""
    for path, text in generated().items():
        (DEPLOY / path).write_text(text, encoding="utf-8")


def _json(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _roles() -> str:
    sql = "".join(f"    {statement};\n" for statement in statements(DATABASE))
    return (
        "# Written by `python -m deploy.kubernetes` from deploy/database/roles.py: what a new cluster runs once.\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: postkontor-db-roles\ndata:\n  roles.sql: |\n" + sql
    )


if __name__ == "__main__":
    main()
