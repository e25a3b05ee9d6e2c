"""Who may do what on the bus: one nkey per worker, operator, tenant and subscriber, each with the least that it needs.

permissions     what each role may publish and hear, from the contracts' tables
register        the identities of one installation and their public keys: a file to commit; seeds lie beside, 0600
configuration   the `authorization` block of the server's configuration, from a register

`postkontor bus init|grant|revoke|show|render` are the commands. The embedded stack makes itself a register at its first
start; production mounts the rendered file into the servers and one seed into each worker.
"""
