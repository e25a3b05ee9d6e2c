"""The worker runtime: one shape for every worker. It knows no mail, DNS or money.

In the order of a message's life:

    settings, logs       what the environment says; JSON lines without secrets
    topology             streams and consumers, made by `postkontor bus apply`
    repartition          another number of partitions, seen from the bus
    following            how a service follows the bus to it, while it runs
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
    failures             the fates of what nobody could decide on
    causes               what the consequences of a message are named after
    dryrun               what may stay of a request that was only tried
    consequences         what a decision leads to, as messages
    item, batch          one message on its way; one batch is one transaction
    versions             in which versions a fact leaves
    letters, originals   dead letters, and taking them up again from their streams
    entries              what a batch leaves behind, as values
    journal, timetable   inbox, outbox, event log, dead letters; timers: the chassis' own tables
    publisher            what was committed goes out, pipelined, in order
    memory, recollection whether the bus still has what it took
    reconciling          stating again what it has lost
    rewinding            hearing again what a restored database has lost
    timers, backlog      work with a due time; whose turn it is
    queries              read requests over core NATS
    trail                what the worker received and stated for a request or about a thing
    upkeep, version      what every worker does for who runs it; which code it is
    status               how this replica is, and what its schema tells
    measures             what is looked up when somebody asks how the worker is
    metrics, meter       the numbers that are kept; counted when they are committed
    tracing              spans that continue a message's trace, off unless the environment names a receiver
    scrape, health       /metrics; /livez and /readyz
"""
