-- Mailboxes, the addresses they own, what stands under a domain, groups, and what is kept of accounts.

CREATE TABLE mailbox.account (
    account_id   text    CONSTRAINT account_pk PRIMARY KEY,
    state        text    NOT NULL CONSTRAINT account_state CHECK (state IN ('active', 'suspended', 'closed')),
    package      text    NOT NULL,
    self_service boolean NOT NULL,
    revision     bigint  NOT NULL CONSTRAINT account_revision CHECK (revision > 0)
);

-- One row per account and name. The counters are written with the mailboxes that they count.
CREATE TABLE mailbox.domain (
    account      text   NOT NULL,
    domain       text   NOT NULL,
    domain_id    uuid   NOT NULL,
    state        text   NOT NULL CONSTRAINT domain_state CHECK (state IN ('open', 'closed')),
    features     text[] CONSTRAINT domain_features
                 CHECK (features <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    epoch        bigint NOT NULL CONSTRAINT domain_epoch CHECK (epoch >= 0),
    mailboxes    bigint NOT NULL DEFAULT 0 CONSTRAINT domain_mailboxes CHECK (mailboxes >= 0),
    aliases      bigint NOT NULL DEFAULT 0 CONSTRAINT domain_aliases CHECK (aliases >= 0),
    own_settings bigint NOT NULL DEFAULT 0 CONSTRAINT domain_own_settings CHECK (own_settings >= 0),
    revision     bigint NOT NULL CONSTRAINT domain_revision CHECK (revision > 0),
    CONSTRAINT domain_pk PRIMARY KEY (account, domain),
    CONSTRAINT domain_own_settings_within_mailboxes CHECK (own_settings <= mailboxes)
) WITH (fillfactor = 70);  -- the counters change with every batch: room for updates within the page

CREATE TABLE mailbox.mailbox (
    address         text        CONSTRAINT mailbox_pk PRIMARY KEY,
    account         text        NOT NULL,
    domain          text        NOT NULL,
    first_name      text        NOT NULL,
    last_name       text        NOT NULL,
    state           text        NOT NULL CONSTRAINT mailbox_state
                    CHECK (state IN ('active', 'suspended', 'deleting', 'deleted')),
    plan            text        NOT NULL,
    price_cents     bigint      NOT NULL CONSTRAINT mailbox_price CHECK (price_cents >= 0),
    mail_bytes      bigint      NOT NULL CONSTRAINT mailbox_mail_bytes CHECK (mail_bytes >= 0),
    cloud_bytes     bigint      NOT NULL CONSTRAINT mailbox_cloud_bytes CHECK (cloud_bytes >= 0),
    groupware       boolean     NOT NULL,
    catalogue       text        NOT NULL,
    password_hash   text,
    aliases         text[]      NOT NULL,
    forwardings     text[]      NOT NULL,
    keep_copy       boolean     NOT NULL,
    own_features    text[]      CONSTRAINT mailbox_own_features
                    CHECK (own_features <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    own_epoch       bigint      NOT NULL CONSTRAINT mailbox_own_epoch CHECK (own_epoch >= 0),
    blocked_senders text[]      NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deletes_at      timestamptz,
    resumes_as      text        CONSTRAINT mailbox_resumes_as CHECK (resumes_as IN ('active', 'suspended')),
    deleted_at      timestamptz,
    revision        bigint      NOT NULL CONSTRAINT mailbox_revision CHECK (revision > 0),
    CONSTRAINT mailbox_domain_of_address CHECK (address = lower(address) AND domain = split_part(address, '@', 2)),
    CONSTRAINT mailbox_deleted_at CHECK ((state = 'deleted') = (deleted_at IS NOT NULL)),
    CONSTRAINT mailbox_deletes_at CHECK ((state = 'deleting') = (deletes_at IS NOT NULL)),
    CONSTRAINT mailbox_can_be_had_back CHECK ((state = 'deleting') = (resumes_as IS NOT NULL)),
    -- A deleted mailbox keeps no credentials, and no other is without (R25).
    CONSTRAINT mailbox_password_hash CHECK ((state = 'deleted') = (password_hash IS NULL)),
    CONSTRAINT mailbox_password_scheme
        CHECK (starts_with(password_hash, '{ARGON2ID}') OR starts_with(password_hash, '{BLF-CRYPT}')
               OR starts_with(password_hash, '{SHA512-CRYPT}')),
    CONSTRAINT mailbox_deleted_owns_nothing CHECK (state <> 'deleted' OR (aliases = '{}' AND forwardings = '{}')),
    CONSTRAINT mailbox_mail_goes_somewhere CHECK (keep_copy OR forwardings <> '{}'),
    CONSTRAINT forwarding_loop CHECK (NOT forwardings && (aliases || address))
);

-- Pages of an account's mailboxes, and of one domain's.
CREATE INDEX mailbox_by_account ON mailbox.mailbox (account, address) WHERE state <> 'deleted';
CREATE INDEX mailbox_by_domain ON mailbox.mailbox (account, domain, address) WHERE state <> 'deleted';

-- Addresses that only forward. One that was given up stays as a row: its revision goes on from there.
CREATE TABLE mailbox.forward_only (
    address    text        CONSTRAINT forward_only_pk PRIMARY KEY,
    account    text        NOT NULL,
    domain     text        NOT NULL,
    targets    text[]      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    revision   bigint      NOT NULL CONSTRAINT forward_only_revision CHECK (revision > 0),
    CONSTRAINT forward_only_domain_of_address
        CHECK (address = lower(address) AND domain = split_part(address, '@', 2)),
    CONSTRAINT forward_only_goes_somewhere CHECK ((deleted_at IS NULL) = (targets <> '{}')),
    CONSTRAINT forward_only_not_to_itself CHECK (NOT targets @> ARRAY[address])
);

CREATE INDEX forward_only_by_account ON mailbox.forward_only (account, address) WHERE deleted_at IS NULL;

-- The mailbox that receives what is sent to addresses of a domain that nobody has.
CREATE TABLE mailbox.catch_all (
    account  text   NOT NULL,
    domain   text   NOT NULL,
    mailbox  text   NOT NULL,
    revision bigint NOT NULL CONSTRAINT catch_all_revision CHECK (revision > 0),
    CONSTRAINT catch_all_pk PRIMARY KEY (account, domain)
);

-- Mail servers know domains by their names alone; two accounts cannot both have a domain's catch-all.
CREATE UNIQUE INDEX catch_all_taken ON mailbox.catch_all (domain);

-- The number of changes to an account's catch-alls: one that is set anew continues upwards.
CREATE TABLE mailbox.account_catch_alls (
    account  text   CONSTRAINT account_catch_alls_pk PRIMARY KEY,
    revision bigint NOT NULL CONSTRAINT account_catch_alls_revision CHECK (revision > 0)
);

-- The one place where an address is owned, exactly once over the mailboxes, aliases and other addresses of all accounts.
-- One that only forwards has no mailbox; a domain's catch-all is owned as `@` and its name.
CREATE TABLE mailbox.address (
    address text NOT NULL,
    mailbox text,
    account text NOT NULL,
    since   timestamptz NOT NULL,
    CONSTRAINT address_taken PRIMARY KEY (address)
);

-- Addresses that were owned once, with the last owner, and until when they are kept from others: a row counts while
-- nobody owns the address. It goes when its time is over.
CREATE TABLE mailbox.quarantine (
    address text        CONSTRAINT quarantine_pk PRIMARY KEY,
    mailbox text        NOT NULL,
    account text        NOT NULL,
    free_at timestamptz NOT NULL
);

CREATE INDEX quarantine_by_end ON mailbox.quarantine (free_at);

-- A lane may have looked at an address before another lane took it and let go of it. Who takes an address waits for
-- all others that do, by the key address_taken; then this sees what they left behind, and the batch begins again.
CREATE FUNCTION mailbox.refuse_quarantined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM mailbox.quarantine AS q, new_addresses AS n
        WHERE q.address = n.address AND q.account <> n.account AND q.free_at > n.since
    ) THEN
        RAISE unique_violation USING MESSAGE = 'an address is in quarantine', CONSTRAINT = 'address_quarantined';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER address_quarantined AFTER INSERT ON mailbox.address
    REFERENCING NEW TABLE AS new_addresses FOR EACH STATEMENT EXECUTE FUNCTION mailbox.refuse_quarantined();

-- The number of changes to an account's groups: a group made anew under an old name continues upwards.
CREATE TABLE mailbox.account_groups (
    account  text   CONSTRAINT account_groups_pk PRIMARY KEY,
    revision bigint NOT NULL CONSTRAINT account_groups_revision CHECK (revision > 0)
);

CREATE TABLE mailbox.mail_group (
    account  text   NOT NULL,
    name     text   NOT NULL CONSTRAINT mail_group_name CHECK (name <> ''),
    members  text[] NOT NULL,
    revision bigint NOT NULL CONSTRAINT mail_group_revision CHECK (revision > 0),
    CONSTRAINT group_exists PRIMARY KEY (account, name)
);
