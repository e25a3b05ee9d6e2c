-- Accounts, the counters of their room, and what takes room.

-- A business customer, its package and prices. The lock on this row is the account's lock: who changes the account's
-- counters or holdings takes it first.
CREATE TABLE billing.account (
    account_id text NOT NULL,
    state text NOT NULL,
    package text NOT NULL,
    package_price_cents bigint NOT NULL,
    catalogue text NOT NULL,
    plan_prices jsonb NOT NULL DEFAULT '{}',
    company text NOT NULL,
    vat_id text,
    email text NOT NULL,
    payment_email text,
    phone text,
    language text NOT NULL,
    opened_at timestamptz NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT account_exists PRIMARY KEY (account_id),
    CONSTRAINT account_id_is_a_subject_token CHECK (account_id ~ '^[a-z0-9][a-z0-9-]{1,38}$'),
    CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'closed')),
    CONSTRAINT package_price_not_negative CHECK (package_price_cents >= 0),
    CONSTRAINT plan_prices_by_plan CHECK (jsonb_typeof(plan_prices) = 'object'),
    CONSTRAINT account_language_known CHECK (language IN ('de', 'en')),
    CONSTRAINT account_revision_positive CHECK (revision > 0)
) WITH (fillfactor = 70);

-- One counter with its cap in the same row (R5). A cap of NULL is unlimited. Rows are small and change with every
-- batch: room on the page lets PostgreSQL reuse it without touching the index.
CREATE TABLE billing.capacity (
    account_id text NOT NULL,
    resource text NOT NULL,
    cap bigint,
    confirmed bigint NOT NULL,
    reserved bigint NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT one_counter_per_resource PRIMARY KEY (account_id, resource),
    CONSTRAINT capacity_of_an_account FOREIGN KEY (account_id) REFERENCES billing.account (account_id),
    CONSTRAINT resource_known CHECK (resource IN ('mailbox', 'alias_forward', 'group') OR resource LIKE 'plan._%'),
    CONSTRAINT capacity_not_negative CHECK (confirmed >= 0 AND reserved >= 0 AND cap >= 0),
    CONSTRAINT capacity_within_cap CHECK (cap IS NULL OR confirmed + reserved <= cap),
    CONSTRAINT capacity_revision_positive CHECK (revision > 0)
) WITH (fillfactor = 50);

-- One thing that takes room. `targets` are the requests on their way: [request id, quantity, expires at, plan]. Most
-- rows have one for some milliseconds and none for years. No foreign key: it would cost a look-up per mailbox, and
-- the account's lock and the counter's row were taken before.
CREATE TABLE billing.holding (
    account_id text NOT NULL,
    holder text COLLATE "C" NOT NULL,
    resource text NOT NULL,
    confirmed integer NOT NULL,
    reserved integer NOT NULL,
    targets jsonb,
    plan text,
    price_cents bigint,
    catalogue text,
    since timestamptz,
    revision bigint NOT NULL,
    seen_at timestamptz,
    due_at timestamptz,
    CONSTRAINT one_holding_per_thing PRIMARY KEY (account_id, holder),
    CONSTRAINT holder_names_its_resource CHECK (
        resource <> '' AND resource = CASE split_part(holder, '/', 1)
            WHEN 'mailbox' THEN 'mailbox' WHEN 'alias' THEN 'alias_forward' WHEN 'forwarding' THEN 'alias_forward'
            WHEN 'group' THEN 'group' ELSE '' END),
    CONSTRAINT holding_not_negative CHECK (confirmed >= 0 AND reserved >= 0 AND revision >= 0),
    CONSTRAINT seat_is_one CHECK (resource = 'alias_forward' OR confirmed + reserved <= 1),
    CONSTRAINT reserved_by_a_request CHECK (reserved = 0 OR targets IS NOT NULL),
    CONSTRAINT reservation_is_due CHECK (targets IS NULL OR due_at IS NOT NULL),
    CONSTRAINT mailbox_in_use_is_priced CHECK (
        resource <> 'mailbox' OR confirmed = 0
        OR (plan IS NOT NULL AND price_cents IS NOT NULL AND catalogue IS NOT NULL)),
    CONSTRAINT price_not_negative CHECK (price_cents >= 0)
);

-- What the sweeper looks for: reservations to expire, and things that are gone for so long that nobody speaks of them.
CREATE INDEX holding_due ON billing.holding (due_at) WHERE due_at IS NOT NULL;
