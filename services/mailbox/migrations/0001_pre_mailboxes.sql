-- Mailboxes, the addresses they own, what stands under a domain, groups, and what is kept of accounts.

CREATE TABLE mailbox.account (
    account_id   text    CONSTRAINT account_pk PRIMARY KEY,
    state        text    NOT NULL CONSTRAINT account_state CHECK (state IN ('active', 'suspended', 'closing', 'closed')),
    package      text    NOT NULL,
    self_service boolean NOT NULL,
    revision     bigint  NOT NULL CONSTRAINT account_revision CHECK (revision > 0)
);

-- One row per account and name. The counters are written with the mailboxes that they count.
CREATE TABLE mailbox.domain (
    account      text   NOT NULL,
    domain       text   NOT NULL,
    domain_id    uuid   NOT NULL,
    state        text   NOT NULL CONSTRAINT domain_state CHECK (state IN ('open', 'removing', 'closed')),
    features     text[] CONSTRAINT domain_features
                 CHECK (features <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    epoch        bigint NOT NULL CONSTRAINT domain_epoch CHECK (epoch >= 0),
    counts_from  bigint NOT NULL DEFAULT 0 CONSTRAINT domain_counts_from CHECK (counts_from >= 0),
    former_features text[] CONSTRAINT domain_former_features
                 CHECK (former_features <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    former_counts_from bigint CONSTRAINT domain_former_counts_from CHECK (former_counts_from >= 0),
    password_change_by    timestamptz,
    passwords_required_at timestamptz,
    mailboxes    bigint NOT NULL DEFAULT 0 CONSTRAINT domain_mailboxes CHECK (mailboxes >= 0),
    aliases      bigint NOT NULL DEFAULT 0 CONSTRAINT domain_aliases CHECK (aliases >= 0),
    own_settings bigint NOT NULL DEFAULT 0 CONSTRAINT domain_own_settings CHECK (own_settings >= 0),
    toggled_settings bigint NOT NULL DEFAULT 0 CONSTRAINT domain_toggled_settings CHECK (toggled_settings >= 0),
    revision     bigint NOT NULL CONSTRAINT domain_revision CHECK (revision > 0),
    CONSTRAINT domain_pk PRIMARY KEY (account, domain),
    CONSTRAINT domain_no_later_epoch CHECK (greatest(counts_from, former_counts_from) <= epoch),
    CONSTRAINT domain_password_requirement CHECK ((password_change_by IS NULL) = (passwords_required_at IS NULL)),
    CONSTRAINT domain_former_set CHECK (former_features IS NULL OR former_counts_from IS NOT NULL),
    CONSTRAINT domain_own_settings_within_mailboxes CHECK (greatest(own_settings, toggled_settings) <= mailboxes)
) WITH (fillfactor = 70);  -- the counters change with every batch: room for updates within the page

-- Domains that go with everything under them: the latest removal of each, also one that has ended. What is to be done
-- next is worked off in portions; `after_address` is how far the phase has come.
CREATE TABLE mailbox.removal (
    account         text        NOT NULL,
    domain          text        NOT NULL,
    domain_id       uuid        NOT NULL,
    request_id      uuid        NOT NULL,
    phase           text        NOT NULL CONSTRAINT removal_phase
                    CHECK (phase IN ('scheduling', 'waiting', 'emptying', 'vacated', 'restoring', 'kept')),
    deletes_at      timestamptz NOT NULL,
    mailboxes_total bigint      NOT NULL CONSTRAINT removal_mailboxes CHECK (mailboxes_total >= 0),
    aliases_total   bigint      NOT NULL CONSTRAINT removal_aliases CHECK (aliases_total >= 0),
    scheduled       bigint      NOT NULL CONSTRAINT removal_scheduled CHECK (scheduled >= 0),
    after_address   text        NOT NULL,
    portions        bigint      NOT NULL CONSTRAINT removal_portions CHECK (portions >= 0),
    told_at         timestamptz,
    keep_request_id uuid,
    CONSTRAINT removal_pk PRIMARY KEY (account, domain),
    CONSTRAINT removal_kept_by_a_request CHECK ((phase IN ('restoring', 'kept')) = (keep_request_id IS NOT NULL))
) WITH (fillfactor = 50);

-- Which mailboxes a removal has scheduled, so that keeping the domain has those back and no others.
CREATE TABLE mailbox.removal_mark (
    domain_id uuid NOT NULL,
    address   text NOT NULL,
    CONSTRAINT removal_mark_pk PRIMARY KEY (domain_id, address)
);

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
    password_set_at    timestamptz,
    password_change_by timestamptz,
    spam_junk_tenths   integer  CONSTRAINT mailbox_spam_junk CHECK (spam_junk_tenths BETWEEN 1 AND 1000),
    spam_reject_tenths integer  CONSTRAINT mailbox_spam_reject
                    CHECK (spam_reject_tenths > spam_junk_tenths AND spam_reject_tenths <= 1000),
    spam_to_junk    boolean,
    spam_allowed    text[],
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
    CONSTRAINT mailbox_spam_is_whole CHECK (
        num_nonnulls(spam_junk_tenths, spam_to_junk, spam_allowed) IN (0, 3)
        AND (spam_reject_tenths IS NULL OR spam_junk_tenths IS NOT NULL)),
    CONSTRAINT mailbox_deleted_owns_nothing CHECK (state <> 'deleted' OR (aliases = '{}' AND forwardings = '{}')),
    CONSTRAINT mailbox_mail_goes_somewhere CHECK (keep_copy OR forwardings <> '{}'),
    CONSTRAINT forwarding_loop CHECK (NOT forwardings && (aliases || address))
);

-- Pages of an account's mailboxes, and of one domain's.
CREATE INDEX mailbox_by_account ON mailbox.mailbox (account, address) WHERE state <> 'deleted';
CREATE INDEX mailbox_by_domain ON mailbox.mailbox (account, domain, address) WHERE state <> 'deleted';

-- Changes of features, by target: a domain or an address. `place` counts a target's changes, `number` all.
CREATE TABLE mailbox.feature_change (
    account       text        NOT NULL,
    target        text        NOT NULL,
    place         bigint      NOT NULL CONSTRAINT feature_change_place CHECK (place > 0),
    number        bigint      GENERATED ALWAYS AS IDENTITY,
    kind          text        NOT NULL CONSTRAINT feature_change_kind CHECK (kind IN ('set', 'undo')),
    at            timestamptz NOT NULL,
    request_id    uuid        NOT NULL,
    channel       text        NOT NULL,
    before_on     text[]      NOT NULL,
    before_origin text        NOT NULL,
    before_own    text[],
    before_epoch  bigint,
    after_on      text[]      NOT NULL,
    after_origin  text        NOT NULL,
    after_own     text[],
    after_epoch   bigint,
    own_settings  bigint      NOT NULL,
    CONSTRAINT feature_change_pk PRIMARY KEY (account, target, place),
    CONSTRAINT feature_change_of_known_features CHECK (
        (before_on || after_on || before_own || after_own) <@ ARRAY['backup', 'blacklist', 'spam_and_virus_protection']),
    CONSTRAINT feature_change_origins CHECK (
        ARRAY[before_origin, after_origin] <@ ARRAY['mailbox', 'domain', 'default']),
    CONSTRAINT feature_change_own_has_its_epoch CHECK (
        (before_own IS NULL) = (before_epoch IS NULL) AND (after_own IS NULL) = (after_epoch IS NULL))
);

-- Backups in the mail store, by its own names. One that is to be deleted stays until the store confirms it.
CREATE TABLE mailbox.backup (
    account    text        NOT NULL,
    snapshot   text        NOT NULL CONSTRAINT backup_snapshot CHECK (snapshot <> ''),
    address    text        NOT NULL,
    taken_at   timestamptz NOT NULL,
    bytes      bigint      NOT NULL CONSTRAINT backup_bytes CHECK (bytes >= 0),
    messages   bigint      NOT NULL CONSTRAINT backup_messages CHECK (messages >= 0),
    expired_at timestamptz CONSTRAINT backup_expired_after_it_was_made CHECK (expired_at >= taken_at),
    CONSTRAINT backup_pk PRIMARY KEY (account, snapshot)
);

CREATE INDEX backup_by_mailbox ON mailbox.backup (account, address, taken_at DESC, snapshot DESC);
CREATE INDEX backup_by_time ON mailbox.backup (taken_at) WHERE expired_at IS NULL;
CREATE INDEX backup_by_end ON mailbox.backup (expired_at) WHERE expired_at IS NOT NULL;

-- Each mailbox's latest restore.
CREATE TABLE mailbox.restore (
    account   text        NOT NULL,
    address   text        NOT NULL,
    restore   uuid        NOT NULL,
    snapshot  text        NOT NULL,
    folder    text,
    answer_by timestamptz NOT NULL,
    state     text        NOT NULL CONSTRAINT restore_state
              CHECK (state IN ('open', 'restored', 'failed', 'unanswered')),
    CONSTRAINT restore_pk PRIMARY KEY (account, address)
);

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
-- Whoever had an address had all of its tags (anna+lists@ is anna's).
CREATE FUNCTION mailbox.refuse_quarantined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM mailbox.quarantine AS q, new_addresses AS n
        WHERE q.address IN (n.address, regexp_replace(n.address, '[+][^@]*@', '@'))
            AND q.account <> n.account AND q.free_at > n.since
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
