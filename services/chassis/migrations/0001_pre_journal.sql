-- The chassis' own tables, once in every service's schema.

-- Every message this service has handled and how it ended; a repeated one ends here. An accepted request ends later;
-- until then `accepted` is the event that told so, for who asks again.
CREATE TABLE {schema}.inbox (
    message_id uuid PRIMARY KEY,
    request_id uuid NOT NULL,
    account text NOT NULL,
    type text NOT NULL,
    fate text NOT NULL CONSTRAINT fate_known CHECK (fate IN ('done', 'handed-over', 'accepted', 'refused', 'never')),
    code text,
    outcome text,
    refusal text,
    digest bytea,
    cause_id uuid,
    accepted text,
    handled_at timestamptz NOT NULL,
    CONSTRAINT accepted_while_it_waits CHECK ((fate = 'accepted') = (accepted IS NOT NULL))
);
CREATE INDEX inbox_request ON {schema}.inbox (request_id);
CREATE INDEX inbox_age ON {schema}.inbox USING brin (handled_at);

-- How far a lane has come. Rows of the event log above published_seq are still to be published.
CREATE TABLE {schema}.lane (
    lane smallint PRIMARY KEY,
    published_seq bigint NOT NULL DEFAULT 0,
    clean boolean NOT NULL DEFAULT true,
    -- The latest fact that the broker has acknowledged, and where: if it is not there any more, the broker has forgotten.
    mark_seq bigint,
    mark_id uuid,
    mark_at timestamptz,
    stream_made_at text,
    forgotten text, -- what was noticed, until the stream is reconciled
    ahead text, -- a fact on the bus that this database does not know: it is an older copy; until reconciled too
    reconciled_at timestamptz,
    CONSTRAINT mark_is_whole CHECK ((mark_seq IS NULL) = (mark_id IS NULL))
) WITH (fillfactor = 50);

-- The number of partitions that lanes and timers stand in: one row. The bus may be ahead of it (following.py).
CREATE TABLE {schema}.standing (
    partitions smallint NOT NULL CONSTRAINT partitions_are_few CHECK (partitions BETWEEN 1 AND 64),
    one boolean PRIMARY KEY DEFAULT true CONSTRAINT one_standing CHECK (one)
);

-- Facts, for ever replayable: the streams can be rebuilt from here.
CREATE TABLE {schema}.event_log (
    lane smallint NOT NULL,
    seq bigint NOT NULL,
    logged_at timestamptz NOT NULL,
    message_id uuid NOT NULL,
    subject text NOT NULL,
    ordering_key text NOT NULL,
    payload bytea NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (lane, seq, logged_at)
) PARTITION BY RANGE (logged_at);
-- For trails: what was stated for a request, and the latest about a thing. A key's hash, because keys are long and come
-- in no order.
CREATE INDEX event_log_request ON {schema}.event_log (request_id);
CREATE INDEX event_log_about ON {schema}.event_log (hashtext(ordering_key), logged_at);
CREATE TABLE {schema}.event_log_other PARTITION OF {schema}.event_log DEFAULT;

-- While the stream is compared with the log: the facts that it still has.
CREATE UNLOGGED TABLE {schema}.survivor (
    message_id uuid PRIMARY KEY,
    subject text NOT NULL,
    stream_seq bigint NOT NULL
);

-- Hand-overs still to be published. They may carry a password hash on its way, so nothing of them stays.
CREATE TABLE {schema}.outbox (
    lane smallint NOT NULL,
    seq bigint NOT NULL,
    message_id uuid NOT NULL,
    subject text NOT NULL,
    ordering_key text NOT NULL,
    payload bytea NOT NULL,
    logged_at timestamptz NOT NULL,
    PRIMARY KEY (lane, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Work with a due time; the lane that wrote it wakes it.
CREATE TABLE {schema}.timer (
    kind text NOT NULL,
    key text NOT NULL,
    lane smallint NOT NULL,
    account text NOT NULL,
    due_at timestamptz NOT NULL,
    urgent boolean NOT NULL DEFAULT false,
    payload jsonb NOT NULL DEFAULT '{}',
    traceparent text, -- of who set it, if somebody waits for it
    PRIMARY KEY (kind, key)
);
CREATE INDEX timer_due ON {schema}.timer (lane, urgent, due_at, kind, key);
CREATE INDEX timer_of_account ON {schema}.timer (lane, urgent, account, due_at, kind, key);

-- Messages that can never be handled, with secrets removed; the original is in its stream.
CREATE TABLE {schema}.dead_letter (
    id uuid PRIMARY KEY,
    lane smallint NOT NULL,
    stream text,
    stream_seq bigint,
    account text NOT NULL,
    type text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    payload text NOT NULL,
    digest text NOT NULL, -- equal for equal troubles
    answered boolean NOT NULL, -- its sender was told no
    attempts jsonb NOT NULL DEFAULT '[]', -- when, by whom, with which code, how it ended; oldest first
    recorded_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolution text CONSTRAINT resolution_known CHECK (resolution IN ('replayed', 'discarded')),
    CONSTRAINT resolved_somehow CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
CREATE INDEX dead_letter_open ON {schema}.dead_letter (recorded_at) WHERE resolved_at IS NULL;

-- Batches that were in hand when a process died, by their first message. Written only after an unclean end.
-- holder is the application_name of who has it in hand, null when nobody has.
CREATE TABLE {schema}.suspect (
    lane smallint NOT NULL,
    first text NOT NULL,
    messages integer NOT NULL,
    deaths integer NOT NULL,
    holder text,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (lane, first)
);

-- Make the event log's weekly partitions up to two weeks ahead, and drop what is older than its time.
-- What went to the default partition meanwhile moves into its week.
CREATE FUNCTION {schema}.tend_event_log(today date, keep_days integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    week date;
    old record;
BEGIN
    FOR week IN SELECT date_trunc('week', today)::date + 7 * n FROM generate_series(0, 2) AS n LOOP
        IF to_regclass(format('{schema}.event_log_%s', to_char(week, 'YYYYMMDD'))) IS NULL THEN
            CREATE TEMP TABLE strays ON COMMIT DROP AS
                SELECT * FROM {schema}.event_log_other WHERE logged_at >= week AND logged_at < week + 7;
            DELETE FROM {schema}.event_log_other WHERE logged_at >= week AND logged_at < week + 7;
            EXECUTE format('CREATE TABLE {schema}.event_log_%s PARTITION OF {schema}.event_log FOR VALUES FROM (%L) TO (%L)',
                to_char(week, 'YYYYMMDD'), week, week + 7);
            INSERT INTO {schema}.event_log SELECT * FROM strays;
            DROP TABLE strays;
        END IF;
    END LOOP;
    FOR old IN SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
            WHERE i.inhparent = '{schema}.event_log'::regclass AND c.relname ~ '^event_log_[0-9]{8}$'
            AND to_date(right(c.relname, 8), 'YYYYMMDD') + 7 < today - keep_days LOOP
        EXECUTE format('DROP TABLE {schema}.%I', old.relname);
    END LOOP;
END $$;
SELECT {schema}.tend_event_log(current_date, 90);
