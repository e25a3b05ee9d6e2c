"""Dashboard and alert rules as code: `python -m deploy.monitoring` writes postkontor.json and alerts.yaml here.

    alerts       what should wake somebody, and why
    dashboard    what to look at then

Every metric that they name exists, and every alert has its paragraph in docs/observability.md; tests hold that.
"""
