"""What the chart in deploy/chart is made of and fed with. `python -m deploy.kubernetes` writes the generated files.

values      the chart's values as models; values.schema.json comes from them
topology    streams and consumers, from the topology that `postkontor bus apply` uses, for NACK and KEDA
secrets     the Secrets that chart, bus and database need, for `postkontor kubernetes secrets`
check       whether an installation works, for `postkontor kubernetes check` and `helm test`

Generated: the chart's values.schema.json and files/ (topology, alert rules, dashboard), and values/postgres-roles.yaml.
"""
