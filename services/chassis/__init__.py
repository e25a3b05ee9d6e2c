"""The worker runtime: one shape for every worker. It knows no mail, DNS or money.

In the order of a message's life:

    settings, logs       what the environment says; JSON lines without secrets
    topology             streams and consumers, made by `postkontor bus apply`
    database, migrations connections, the schema, numbered SQL
    service              what a worker is: its tables, its handlers of commands, events, timers, queries
    worker, runtime, bus start, run, drain; what a running worker has at hand; FastStream's broker, made to last
    ownership            which replica owns which lane
    owner                the loop over all lanes of a process: gather, handle a batch, publish, acknowledge
    lane, caution        one lane in hand: taking it over, what waits in it; carefully after a death
    pump                 pulls messages of a consumer and sees gaps
    received             reads a message, or says why it cannot be read
    book                 the aggregates a batch touches: loaded once, written once
    fates                how a message ends: done, handed over, refused, never; or is accepted first
    causes               what the consequences of a message are named after
    dryrun               what may stay of a request that was only tried
    letters              dead letters: what is set aside, and why
    batch                one batch is one transaction
    journal              inbox, outbox, event log, dead letters, timers: the chassis' own tables
    publisher            what was committed goes out, pipelined, in order
    timers, backlog      work with a due time; whose turn it is
    queries              read requests over core NATS
    trail                what the worker received and stated for a request or about a thing
    health               /livez and /readyz
"""
