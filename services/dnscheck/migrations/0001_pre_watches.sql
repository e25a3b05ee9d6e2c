-- What is looked at in the DNS. When each is due stands in the chassis' table timer; next_due_at is for people.

-- One facet of one claim: what to expect, how its looks went, who waits for the next.
CREATE TABLE dnscheck.watch (
    domain_id uuid NOT NULL,
    facet text NOT NULL CONSTRAINT facet_known CHECK (facet IN ('txt', 'mx', 'advice')),
    account text NOT NULL,
    domain text NOT NULL,
    record_name text NOT NULL,
    record_value text NOT NULL,
    old_values text[] NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    next_due_at timestamptz,
    looks integer NOT NULL CONSTRAINT looks_count_up CHECK (looks >= 0),
    course text CONSTRAINT course_known CHECK (
        course IN ('confirmed', 'not_yet', 'wrong', 'partial', 'not_registered')),
    streak integer NOT NULL,
    proven_at timestamptz,
    deep_at timestamptz,
    waiting jsonb NOT NULL DEFAULT '[]',
    recent jsonb NOT NULL DEFAULT '[]' CONSTRAINT recent_is_bounded CHECK (jsonb_array_length(recent) <= 10),
    asked_at timestamptz,
    zone jsonb NOT NULL DEFAULT '{}' CONSTRAINT zone_is_bounded CHECK (octet_length(zone::text) <= 16384),
    stirs integer NOT NULL DEFAULT 0,
    silences integer NOT NULL DEFAULT 0,
    haste integer NOT NULL DEFAULT 0,
    code text NOT NULL DEFAULT '',
    asked_looks integer NOT NULL DEFAULT 0 CONSTRAINT asked_looks_not_negative CHECK (asked_looks >= 0),
    revision bigint NOT NULL CONSTRAINT revision_counts_from_one CHECK (revision >= 1),
    CONSTRAINT one_watch_per_claim_and_facet PRIMARY KEY (domain_id, facet),
    CONSTRAINT proof_has_a_record CHECK (facet <> 'txt' OR (record_name <> '' AND record_value <> '')),
    CONSTRAINT who_waits_is_due CHECK (waiting = '[]' OR next_due_at IS NOT NULL),
    CONSTRAINT streak_is_within_looks CHECK (streak BETWEEN 0 AND looks),
    CONSTRAINT silences_are_looks CHECK (silences BETWEEN 0 AND looks),
    CONSTRAINT counts_of_haste_are_not_negative CHECK (haste >= 0 AND stirs >= 0)
);
CREATE INDEX watch_of_account ON dnscheck.watch (account, domain);
-- Whose is this token? Asked of the few values that a look has seen.
CREATE INDEX watch_of_record ON dnscheck.watch (record_value) WHERE facet = 'txt';
