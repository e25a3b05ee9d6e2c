"""Roles and schemas in PostgreSQL: who may make tables, who may change rows, who may only look.

roles       the statements, to be run once by whoever may make roles; `postkontor db roles` prints them
"""
