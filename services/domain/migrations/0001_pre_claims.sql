-- Claims to domain names, and what billing tells of accounts.

-- An account's claim to a name: one row per account and name, begun anew with a new id after it was lost or removed.
CREATE TABLE domain.claim (
    domain text NOT NULL,
    account text NOT NULL,
    domain_id uuid NOT NULL,
    state text NOT NULL,
    label text NOT NULL,
    token text NOT NULL,
    old_tokens text[] NOT NULL DEFAULT '{}',
    password_hash text,
    features text[] NOT NULL DEFAULT '{}',
    former_features text[],
    last_attempt jsonb,
    resumed_at timestamptz,
    reminded_hours smallint NOT NULL DEFAULT 0,
    proof text NOT NULL DEFAULT 'pending',
    proof_noes timestamptz[] NOT NULL DEFAULT '{}',
    proof_lapses_at timestamptz,
    transfer_state text,
    transfer_opened_at timestamptz,
    transfer_answer_by timestamptz,
    yielding_request_id uuid,
    yielding_by text,
    yielding_to text,
    removal jsonb,
    mx_state text NOT NULL DEFAULT 'unknown',
    mx_attempt jsonb,
    claimed_at timestamptz NOT NULL,
    verified_at timestamptz,
    activated_at timestamptz,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT one_claim_per_account_and_domain PRIMARY KEY (domain, account),
    CONSTRAINT domain_id_names_one_claim UNIQUE (domain_id),
    CONSTRAINT claim_state_known CHECK (
        state IN ('claimed', 'abandoned', 'contested', 'verified', 'active', 'removing', 'lost', 'removed')),
    CONSTRAINT domain_is_a_label_in_lower_case CHECK (domain = lower(domain) AND domain ~ '^[a-z0-9.-]{4,253}$'),
    CONSTRAINT token_is_160_bits_of_base32 CHECK (token ~ '^[a-z2-7]{32}$'),
    CONSTRAINT label_is_one_label CHECK (label ~ '^[a-z0-9_-]{1,63}$'),
    CONSTRAINT held_domain_was_proven CHECK (
        state NOT IN ('verified', 'active', 'removing') OR verified_at IS NOT NULL),
    CONSTRAINT active_domain_has_password CHECK (
        state NOT IN ('active', 'removing') OR (password_hash IS NOT NULL AND activated_at IS NOT NULL)),
    CONSTRAINT ended_claim_keeps_no_password CHECK (state NOT IN ('lost', 'removed') OR password_hash IS NULL),
    CONSTRAINT reminder_known CHECK (reminded_hours IN (0, 1, 24, 48, 168, 312)),
    CONSTRAINT proof_known CHECK (proof IN ('pending', 'held', 'at_risk', 'lapsed')),
    CONSTRAINT who_was_proven_has_a_proof CHECK (
        (proof = 'pending') = (state NOT IN ('contested', 'verified', 'active', 'removing'))),
    CONSTRAINT claimant_without_proof_is_none CHECK (state <> 'contested' OR proof <> 'lapsed'),
    CONSTRAINT missing_proof_has_its_noes CHECK (
        cardinality(proof_noes) BETWEEN CASE WHEN proof IN ('at_risk', 'lapsed') THEN 1 ELSE 0 END
            AND CASE proof WHEN 'at_risk' THEN 2 WHEN 'lapsed' THEN 3 ELSE 0 END),
    CONSTRAINT warning_names_its_date CHECK ((proof IN ('at_risk', 'lapsed')) = (proof_lapses_at IS NOT NULL)),
    -- Three noes over 72 hours and the warned time over (R17), whatever the code believes.
    CONSTRAINT proof_lapses_after_three_noes_over_72_hours CHECK (
        proof <> 'lapsed' OR (cardinality(proof_noes) = 3 AND proof_noes[1] < proof_noes[2]
            AND proof_noes[2] < proof_noes[3] AND proof_noes[3] - proof_noes[1] >= interval '72 hours'
            AND proof_noes[3] >= proof_lapses_at)),
    CONSTRAINT transfer_is_of_a_contested_claim CHECK (
        num_nonnulls(transfer_state, transfer_opened_at, transfer_answer_by)
            = CASE state WHEN 'contested' THEN 3 ELSE 0 END),
    CONSTRAINT transfer_state_known CHECK (transfer_state IN ('open', 'disputed', 'overdue', 'granted')),
    CONSTRAINT transfer_leaves_time_to_answer CHECK (transfer_answer_by > transfer_opened_at),
    CONSTRAINT yielding_is_whole CHECK (num_nonnulls(yielding_request_id, yielding_by, yielding_to) IN (0, 3)),
    CONSTRAINT who_yields_is_leaving CHECK (yielding_to IS NULL OR state IN ('removing', 'removed')),
    -- Kept until mailbox has answered, which may be after another request's removal.
    CONSTRAINT removal_is_of_a_leaving_claim CHECK (
        removal IS NULL OR (state IN ('removing', 'removed') AND removal ? 'deletes_at')),
    CONSTRAINT yielding_by_known CHECK (yielding_by IN ('holder', 'operator')),
    CONSTRAINT nobody_yields_to_himself CHECK (yielding_to <> account),
    CONSTRAINT password_is_hashed CHECK (password_hash ~ '^\{(ARGON2ID|BLF-CRYPT|SHA512-CRYPT)\}\$'),
    CONSTRAINT feature_known CHECK (
        (features || former_features) <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    CONSTRAINT mx_state_known CHECK (
        mx_state IN ('ok', 'missing', 'foreign', 'mixed', 'incomplete', 'null', 'broken', 'unknown')),
    CONSTRAINT revision_counts_from_one CHECK (revision >= 1)
);
-- Who is granted the name keeps it free of others until his proof is seen once more.
CREATE UNIQUE INDEX one_holder_per_domain ON domain.claim (domain)
    WHERE state IN ('verified', 'active', 'removing') OR transfer_state = 'granted';
CREATE INDEX claim_of_account ON domain.claim (account, domain);

-- What this worker needs of an account, as billing's facts tell it.
CREATE TABLE domain.account (
    account_id text CONSTRAINT one_row_per_account PRIMARY KEY,
    state text NOT NULL CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'closing', 'closed')),
    package text NOT NULL,
    self_service boolean NOT NULL,
    revision bigint NOT NULL CONSTRAINT account_revision_counts_from_one CHECK (revision >= 1)
);

-- A bulk file: its parts as they came, and how its items fared. Written by the lane of its account's requests alone.
CREATE TABLE domain.bulk (
    account text NOT NULL,
    bulk_id uuid NOT NULL,
    digest text NOT NULL,
    label text,
    parts integer NOT NULL,
    total integer NOT NULL,
    state text NOT NULL,
    received jsonb NOT NULL,
    items integer NOT NULL,
    issued integer NOT NULL,
    done integer NOT NULL,
    refused integer NOT NULL,
    unreadable integer NOT NULL,
    cancelled integer NOT NULL,
    is_cancelled boolean NOT NULL,
    begun_at timestamptz NOT NULL,
    accepted_at timestamptz,
    finished_at timestamptz,
    said_at timestamptz,
    revision bigint NOT NULL,
    CONSTRAINT one_bulk_per_account_and_id PRIMARY KEY (account, bulk_id),
    CONSTRAINT bulk_state_known CHECK (state IN ('receiving', 'running', 'finished')),
    CONSTRAINT bulk_counts_add_up CHECK (
        least(issued, done, refused, unreadable, cancelled) >= 0 AND unreadable <= refused AND items <= total
        AND done + refused - unreadable <= issued AND issued + unreadable + cancelled <= total),
    CONSTRAINT finished_bulk_has_every_outcome CHECK (
        state <> 'finished' OR (done + refused + cancelled = total AND finished_at IS NOT NULL)),
    CONSTRAINT accepted_bulk_is_whole CHECK (accepted_at IS NULL OR items = total),
    CONSTRAINT running_bulk_was_accepted CHECK (state <> 'running' OR accepted_at IS NOT NULL),
    CONSTRAINT bulk_revision_counts_from_one CHECK (revision >= 1)
);
CREATE INDEX bulk_of_account ON domain.bulk (account, begun_at DESC, bulk_id);
CREATE INDEX bulk_running ON domain.bulk (account, accepted_at, bulk_id) WHERE state = 'running';

-- One order of a bulk file. Its content may hold a password hash and is kept until its outcome is known, no longer.
CREATE TABLE domain.bulk_item (
    account text NOT NULL,
    bulk_id uuid NOT NULL,
    number integer NOT NULL,
    line integer NOT NULL,
    kind text NOT NULL,
    phase smallint NOT NULL,
    subject text,
    request_id uuid CONSTRAINT request_id_names_one_item UNIQUE,
    content text,
    state text NOT NULL,
    is_parked boolean NOT NULL DEFAULT false,
    is_counted boolean NOT NULL,
    issued_at timestamptz,
    look_at timestamptz,
    ended_at timestamptz,
    outcome text,
    refusal text,
    CONSTRAINT one_item_per_number PRIMARY KEY (account, bulk_id, number),
    CONSTRAINT item_is_of_a_bulk FOREIGN KEY (account, bulk_id) REFERENCES domain.bulk ON DELETE CASCADE,
    CONSTRAINT item_state_known CHECK (state IN ('waiting', 'under_way', 'done', 'refused', 'cancelled')),
    CONSTRAINT content_is_kept_until_the_outcome CHECK ((content IS NOT NULL) = (state IN ('waiting', 'under_way'))),
    CONSTRAINT what_can_be_asked_for_has_its_id CHECK (state NOT IN ('waiting', 'under_way') OR request_id IS NOT NULL),
    CONSTRAINT under_way_item_was_asked_for CHECK (
        state <> 'under_way' OR (issued_at IS NOT NULL AND look_at IS NOT NULL)),
    CONSTRAINT refused_item_says_why CHECK ((state = 'refused') = (refusal IS NOT NULL)),
    CONSTRAINT ended_item_has_its_time CHECK ((state IN ('waiting', 'under_way')) = (ended_at IS NULL)),
    CONSTRAINT only_what_ended_is_counted CHECK (NOT is_counted OR ended_at IS NOT NULL)
);
CREATE INDEX bulk_item_waiting ON domain.bulk_item (account, bulk_id, phase, number) WHERE state = 'waiting';
CREATE INDEX bulk_item_flying ON domain.bulk_item (account, bulk_id, number)
    WHERE state <> 'waiting' AND NOT is_counted;
CREATE INDEX bulk_item_refused ON domain.bulk_item (account, bulk_id, number) WHERE state = 'refused';
-- Requests that wait until their domains are active (R21). `request` may hold a password hash: it is a secret, shown to
-- nobody, and goes with the row when the request goes on or ends.
CREATE TABLE domain.hold (
    request_id uuid CONSTRAINT one_hold_per_request PRIMARY KEY,
    account text NOT NULL,
    place bigint NOT NULL CONSTRAINT place_counts_from_one CHECK (place >= 1),
    type text NOT NULL,
    address text NOT NULL,
    domains text[] NOT NULL CONSTRAINT hold_waits_for_domains CHECK (cardinality(domains) >= 1),
    channel text NOT NULL,
    traceparent text,
    parked_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    request jsonb NOT NULL,
    quote_id uuid,
    CONSTRAINT one_place_per_hold UNIQUE (account, place),
    CONSTRAINT hold_has_time CHECK (deadline > parked_at)
);

-- The lines that they stand in, one per account and domain, in the order of their arrival.
CREATE TABLE domain.hold_place (
    account text NOT NULL,
    domain text NOT NULL,
    place bigint NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT one_place_in_line PRIMARY KEY (account, domain, place),
    CONSTRAINT who_stands_in_line_is_parked FOREIGN KEY (request_id) REFERENCES domain.hold DEFERRABLE
        INITIALLY DEFERRED
);
CREATE INDEX place_of_hold ON domain.hold_place (request_id);

-- Accounts that are being closed, as far as their domains are concerned; the row of that process.
CREATE TABLE domain.closure (
    account text CONSTRAINT one_closure_per_account PRIMARY KEY,
    closure_id uuid NOT NULL,
    closes_at timestamptz NOT NULL,
    phase text NOT NULL CONSTRAINT closure_phase_known CHECK (phase IN ('closing', 'vacated', 'reopened')),
    total integer,
    told_left integer,
    told_at timestamptz,
    CONSTRAINT closure_never_tells_more_than_there_was CHECK (told_left BETWEEN 0 AND total)
);
