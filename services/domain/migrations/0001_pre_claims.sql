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
        state IN ('claimed', 'verified', 'active', 'removing', 'lost', 'contested', 'removed')),
    CONSTRAINT domain_is_a_label_in_lower_case CHECK (domain = lower(domain) AND domain ~ '^[a-z0-9.-]{4,253}$'),
    CONSTRAINT token_is_160_bits_of_base32 CHECK (token ~ '^[a-z2-7]{32}$'),
    CONSTRAINT label_is_one_label CHECK (label ~ '^[a-z0-9_-]{1,63}$'),
    CONSTRAINT held_domain_was_proven CHECK (
        state NOT IN ('verified', 'active', 'removing') OR verified_at IS NOT NULL),
    CONSTRAINT active_domain_has_password CHECK (
        state NOT IN ('active', 'removing') OR (password_hash IS NOT NULL AND activated_at IS NOT NULL)),
    CONSTRAINT password_is_hashed CHECK (password_hash ~ '^\{(ARGON2ID|BLF-CRYPT|SHA512-CRYPT)\}\$'),
    CONSTRAINT feature_known CHECK (features <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    CONSTRAINT mx_state_known CHECK (
        mx_state IN ('ok', 'missing', 'foreign', 'mixed', 'incomplete', 'null', 'broken', 'unknown')),
    CONSTRAINT revision_counts_from_one CHECK (revision >= 1)
);
CREATE UNIQUE INDEX one_holder_per_domain ON domain.claim (domain)
    WHERE state IN ('verified', 'active', 'removing');
CREATE INDEX claim_of_account ON domain.claim (account, domain);

-- What this worker needs of an account, as billing's facts tell it.
CREATE TABLE domain.account (
    account_id text CONSTRAINT one_row_per_account PRIMARY KEY,
    state text NOT NULL CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'closed')),
    package text NOT NULL,
    self_service boolean NOT NULL,
    revision bigint NOT NULL CONSTRAINT account_revision_counts_from_one CHECK (revision >= 1)
);
