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
    CONSTRAINT yielding_by_known CHECK (yielding_by IN ('holder', 'operator')),
    CONSTRAINT nobody_yields_to_himself CHECK (yielding_to <> account),
    CONSTRAINT password_is_hashed CHECK (password_hash ~ '^\{(ARGON2ID|BLF-CRYPT|SHA512-CRYPT)\}\$'),
    CONSTRAINT feature_known CHECK (features <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
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
    state text NOT NULL CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'closed')),
    package text NOT NULL,
    self_service boolean NOT NULL,
    revision bigint NOT NULL CONSTRAINT account_revision_counts_from_one CHECK (revision >= 1)
);
