-- What mail servers read: views in a schema of their own, and the role that may read them. docs/mailserver.md promises
-- their columns. A later migration may append columns and views; it takes none away.

DO $$ BEGIN
    IF to_regnamespace('mta') IS NULL THEN
        CREATE SCHEMA mta;
    END IF;
END $$;

-- Domains are looked up by name alone; a table's key begins with the account.
CREATE INDEX domain_by_name ON mailbox.domain (domain);

-- Domains to take mail for: their proof has passed the gate, and a mailbox or an alias stands under them. What the
-- domain worker knows beyond that does not come here; a domain is removed only after everything under it, and one that
-- waits for its day still has addresses.
CREATE VIEW mta.domain AS
    SELECT DISTINCT d.domain FROM mailbox.domain AS d
    WHERE d.state <> 'closed' AND (d.mailboxes > 0 OR d.aliases > 0);

-- Mailboxes, the suspended too. One that is to be deleted is suspended to mail servers: what it has may be had back.
CREATE VIEW mta.mailbox AS
    SELECT m.address, m.domain, CASE m.state WHEN 'active' THEN 'active' ELSE 'suspended' END AS state
    FROM mailbox.mailbox AS m WHERE m.state <> 'deleted';

-- Until when logins of active mailboxes go on without a new password, for ever if NULL: by the mailbox's requirement, or
-- by its domain's if the password is older than that (services/mailbox/passwords.py says the same; a test compares them).
CREATE VIEW mailbox.active_login AS
    SELECT m.address, m.password_hash, least(
        m.password_change_by,
        CASE WHEN coalesce(m.password_set_at, m.created_at) < d.passwords_required_at THEN d.password_change_by END
    ) AS change_by
    FROM mailbox.mailbox AS m JOIN mailbox.domain AS d ON d.account = m.account AND d.domain = m.domain
    WHERE m.state = 'active';

-- Who may log in, with the hash in Dovecot's notation. A suspended mailbox has no row, nor has one whose password had to
-- be changed by now: who forgets to ask lets nobody in. The barrier keeps a reader's own functions from seeing the rows
-- that are left out.
CREATE VIEW mta.login WITH (security_barrier) AS
    SELECT l.address, l.password_hash FROM mailbox.active_login AS l WHERE coalesce(l.change_by > now(), true);

-- Who may not log in because the password had to be changed; with the hash, so that only its owner is told.
CREATE VIEW mta.password_expired WITH (security_barrier) AS
    SELECT l.address, l.password_hash, l.change_by FROM mailbox.active_login AS l WHERE l.change_by <= now();

-- Every address that belongs to a mailbox, its own included, and whether that mailbox takes mail.
CREATE VIEW mta.recipient AS
    SELECT a.address, a.mailbox, CASE m.state WHEN 'active' THEN 'active' ELSE 'suspended' END AS state
    FROM mailbox.address AS a JOIN mailbox.mailbox AS m ON m.address = a.mailbox
    WHERE m.state <> 'deleted' AND a.address NOT LIKE '@%';

-- Addresses that are another name of a mailbox.
CREATE VIEW mta.alias AS
    SELECT a.address, a.mailbox FROM mailbox.address AS a WHERE a.address <> a.mailbox AND a.address NOT LIKE '@%';

-- Addresses without a mailbox, and where mail for them goes.
CREATE VIEW mta.forward_only AS
    SELECT o.address, t.target
    FROM mailbox.forward_only AS o CROSS JOIN LATERAL unnest(o.targets) AS t (target)
    WHERE o.deleted_at IS NULL;

-- The mailbox that gets what is sent to addresses of a domain that nobody has. A suspended one gets nothing.
CREATE VIEW mta.catch_all AS
    SELECT c.domain, c.mailbox
    FROM mailbox.catch_all AS c JOIN mailbox.mailbox AS m ON m.address = c.mailbox
    WHERE m.state = 'active';

-- Addresses of such domains that another account has given up lately: their mail is not for this account's catch-all.
CREATE VIEW mta.quarantine AS
    SELECT q.address
    FROM mailbox.quarantine AS q JOIN mailbox.catch_all AS c ON c.domain = split_part(q.address, '@', 2)
    WHERE q.account <> c.account AND q.free_at > now()
        AND NOT EXISTS (SELECT FROM mailbox.address AS a WHERE a.address = q.address);

-- Where mail for a mailbox also goes, or goes instead. A suspended mailbox passes nothing on.
CREATE VIEW mta.forwarding AS
    SELECT m.address AS mailbox, t.target, m.keep_copy
    FROM mailbox.mailbox AS m CROSS JOIN LATERAL unnest(m.forwardings) AS t (target)
    WHERE m.state = 'active';

-- Room for mail, in bytes.
CREATE VIEW mta.quota AS
    SELECT m.address AS mailbox, m.mail_bytes AS quota_bytes FROM mailbox.mailbox AS m WHERE m.state <> 'deleted';

-- Mailboxes with the features that are on for them, and whose setting that is: their own if it was made since the epoch
-- from which on own ones count, else the domain's, else none (services/mailbox/features.py says the same; a test compares them).
CREATE VIEW mailbox.mailbox_with_features AS
    SELECT m.address, m.blocked_senders, m.spam_junk_tenths, m.spam_reject_tenths, m.spam_to_junk, m.spam_allowed,
        CASE WHEN m.own_features IS NOT NULL AND m.own_epoch >= d.counts_from THEN m.own_features
             ELSE coalesce(d.features, '{}') END AS features,
        CASE WHEN m.own_features IS NOT NULL AND m.own_epoch >= d.counts_from THEN 'mailbox'
             WHEN d.features IS NOT NULL THEN 'domain'
             ELSE 'default' END AS origin
    FROM mailbox.mailbox AS m JOIN mailbox.domain AS d ON d.account = m.account AND d.domain = m.domain
    WHERE m.state <> 'deleted';

-- Senders that a holder does not want, addresses or `@domain`, as long as the feature is on for the mailbox (R32).
CREATE VIEW mta.sender_block AS
    SELECT m.address AS mailbox, b.sender
    FROM mailbox.mailbox_with_features AS m CROSS JOIN LATERAL unnest(m.blocked_senders) AS b (sender)
    WHERE 'blacklist' = ANY(m.features);

-- Whether mail for a mailbox is to be looked through for spam and viruses, and from which scores on it is marked and
-- refused. Without the feature, and where the holder has tuned nothing, the scores are NULL and `tuned` is false.
CREATE VIEW mta.spam_settings AS
    SELECT m.address AS mailbox, p.protected, m.origin, p.protected AND m.spam_junk_tenths IS NOT NULL AS tuned,
        CASE WHEN p.protected THEN m.spam_junk_tenths END AS junk_tenths,
        CASE WHEN p.protected THEN m.spam_reject_tenths END AS reject_tenths,
        CASE WHEN p.protected THEN m.spam_to_junk END AS to_junk
    FROM mailbox.mailbox_with_features AS m
    CROSS JOIN LATERAL (SELECT 'spam_and_virus_protection' = ANY(m.features) AS protected) AS p;

-- Senders whose mail is no spam to a holder, addresses or `@domain`, as long as the feature is on for the mailbox.
CREATE VIEW mta.spam_allowed AS
    SELECT m.address AS mailbox, a.sender
    FROM mailbox.mailbox_with_features AS m CROSS JOIN LATERAL unnest(m.spam_allowed) AS a (sender)
    WHERE 'spam_and_virus_protection' = ANY(m.features);

-- The reading role has no login and no password; login roles are made its members. Without the right to make roles
-- this is left to who has it, and docs/mailserver.md has the statements.
DO $$
BEGIN
    IF to_regrole('mta_reader') IS NULL THEN
        BEGIN
            CREATE ROLE mta_reader NOLOGIN;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'no right to create the role mta_reader; docs/mailserver.md says what is to be done';
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of the cluster was faster
        END;
    END IF;
    IF to_regrole('mta_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA mta TO mta_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA mta TO mta_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA mta GRANT SELECT ON TABLES TO mta_reader;
    END IF;
END $$;
