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
    street text,
    postcode text,
    city text,
    country text,
    vat_check jsonb,
    CONSTRAINT account_exists PRIMARY KEY (account_id),
    CONSTRAINT account_id_is_a_subject_token CHECK (account_id ~ '^[a-z0-9][a-z0-9-]{1,38}$'),
    CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'closing', 'closed')),
    CONSTRAINT package_price_not_negative CHECK (package_price_cents >= 0),
    CONSTRAINT plan_prices_by_plan CHECK (jsonb_typeof(plan_prices) = 'object'),
    CONSTRAINT account_language_known CHECK (language IN ('de', 'en')),
    CONSTRAINT account_revision_positive CHECK (revision > 0)
) WITH (fillfactor = 70);

-- Accounts that are being closed, or were: the row of that process. `resumes_as` is what reopening it in time gives back;
-- `requests` wait for its end.
CREATE TABLE billing.closure (
    account_id text NOT NULL,
    closure_id uuid NOT NULL,
    phase text NOT NULL,
    closes_at timestamptz NOT NULL,
    requests uuid[] NOT NULL,
    resumes_as text NOT NULL,
    domains_total integer,
    domains_left integer,
    looked integer NOT NULL DEFAULT 0,
    CONSTRAINT one_closure_per_account PRIMARY KEY (account_id),
    CONSTRAINT closure_of_an_account FOREIGN KEY (account_id) REFERENCES billing.account (account_id),
    CONSTRAINT closure_phase_known CHECK (phase IN ('closing', 'vacated', 'closed')),
    CONSTRAINT closure_gives_back_what_was CHECK (resumes_as IN ('active', 'suspended')),
    CONSTRAINT closure_counts_domains CHECK (domains_left BETWEEN 0 AND domains_total)
);

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
            WHEN 'forward-only' THEN 'alias_forward' WHEN 'catch-all' THEN 'alias_forward'
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

-- What is known of a thing beside the room it takes, for requests that would free room: an alias list's aliases, targets
-- of forwardings, a catch-all's mailbox, and when a mailbox will be gone. Apart from the holding, which every
-- reservation reads and writes. The newest word of the thing's owner, no history: nothing is charged by it.
CREATE TABLE billing.particular (
    account_id text NOT NULL,
    holder text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    since timestamptz,
    things text[] NOT NULL,
    keep_copy boolean,
    leaves_at timestamptz,
    CONSTRAINT one_particular_per_thing PRIMARY KEY (account_id, holder)
);

-- The ledger: what each movement left a holding as. Append-only. It is read by account and holder, never by time, and
-- every charge may need its oldest row: partitions by time could never be dropped and would multiply every look-up.
-- No foreign key, as above. `booked` marks news of the thing itself, which charges rest on; `recorded_at` is the transaction's; the day that counts is the fact's, `seen_at`.
CREATE TABLE billing.ledger (
    account_id text NOT NULL,
    holder text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    message_id uuid NOT NULL,
    request_id uuid NOT NULL,
    cause text NOT NULL,
    confirmed integer NOT NULL,
    reserved integer NOT NULL,
    targets jsonb,
    plan text,
    price_cents bigint,
    catalogue text,
    since timestamptz,
    holding_revision bigint NOT NULL,
    seen_at timestamptz,
    booked boolean NOT NULL,
    CONSTRAINT one_entry_per_movement PRIMARY KEY (account_id, holder, revision),
    CONSTRAINT ledger_not_negative CHECK (confirmed >= 0 AND reserved >= 0 AND revision > 0)
);

-- What an account was from a moment on: package, terms and caps.
CREATE TABLE billing.account_ledger (
    account_id text NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    message_id uuid NOT NULL,
    request_id uuid NOT NULL,
    cause text NOT NULL,
    state text NOT NULL,
    package text NOT NULL,
    package_price_cents bigint NOT NULL,
    catalogue text NOT NULL,
    plan_prices jsonb NOT NULL,
    caps jsonb NOT NULL,
    CONSTRAINT one_state_per_revision PRIMARY KEY (account_id, revision)
);

CREATE FUNCTION billing.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER account_ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.account_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();

-- Versions of the price list that were in force here, so that none is changed or back-dated.
CREATE TABLE billing.price_list (
    version text NOT NULL,
    sha256 text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT price_list_published_once PRIMARY KEY (version)
);
CREATE TRIGGER price_list_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.price_list
    FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();

-- Who was told of a price list, once and for all. Not told: nothing changed for the account when it was looked at. The
-- account `postkontor` stands for the version itself, which is published once.
CREATE TABLE billing.price_announcement (
    account_id text NOT NULL,
    version text NOT NULL,
    told boolean NOT NULL,
    looked_at timestamptz NOT NULL,
    CONSTRAINT announced_once PRIMARY KEY (account_id, version),
    CONSTRAINT announcement_of_a_list FOREIGN KEY (version) REFERENCES billing.price_list (version)
);

-- One row per series of numbers. Its lock is what makes numbers gapless: taken last, given back by the commit.
CREATE TABLE billing.invoice_series (
    series text NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL,
    CONSTRAINT one_counter_per_series PRIMARY KEY (series),
    CONSTRAINT series_counts_up CHECK (last >= 0)
) WITH (fillfactor = 50);

-- Invoices and credit notes as they were issued. `content` is the exact text that `sha256` is of.
CREATE TABLE billing.invoice (
    number text NOT NULL,
    account_id text NOT NULL,
    kind text NOT NULL,
    period text NOT NULL,
    series text NOT NULL,
    year integer NOT NULL,
    sequence bigint NOT NULL,
    issued_on date NOT NULL,
    preceding text,
    net_cents bigint NOT NULL,
    tax_cents bigint NOT NULL,
    gross_cents bigint NOT NULL,
    ledger_revision bigint NOT NULL,
    content text NOT NULL,
    sha256 bytea NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT number_issued_once PRIMARY KEY (number),
    CONSTRAINT one_invoice_per_sequence UNIQUE (series, year, sequence),
    CONSTRAINT invoice_of_an_account FOREIGN KEY (account_id) REFERENCES billing.account (account_id),
    CONSTRAINT credit_note_of_an_invoice FOREIGN KEY (preceding) REFERENCES billing.invoice (number),
    CONSTRAINT invoice_kind_known CHECK (kind IN ('invoice', 'credit_note')),
    CONSTRAINT credit_note_names_its_invoice CHECK ((kind = 'credit_note') = (preceding IS NOT NULL)),
    CONSTRAINT invoice_period_is_a_month CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    CONSTRAINT invoice_adds_up CHECK (gross_cents = net_cents + tax_cents),
    CONSTRAINT invoice_content_is_whole CHECK (sha256 = sha256(convert_to(content, 'UTF8')))
);
CREATE UNIQUE INDEX one_invoice_per_month ON billing.invoice (account_id, period) WHERE kind = 'invoice';
CREATE INDEX invoice_newest ON billing.invoice (account_id, issued_on, number);
CREATE INDEX invoice_credits ON billing.invoice (preceding) WHERE preceding IS NOT NULL;
CREATE TRIGGER invoice_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.invoice
    FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();

-- Invoices that wait for their files. Whoever renders one moves `due_at`, so nobody else takes it meanwhile; a dead
-- process's turn comes again by itself.
CREATE TABLE billing.rendering (
    number text NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    problem text,
    CONSTRAINT rendered_once PRIMARY KEY (number),
    CONSTRAINT rendering_of_an_invoice FOREIGN KEY (number) REFERENCES billing.invoice (number)
);
CREATE INDEX rendering_due ON billing.rendering (due_at);

-- What was handed out stays what it was, whatever later releases would write.
CREATE TABLE billing.invoice_file (
    number text NOT NULL,
    format text NOT NULL,
    content bytea NOT NULL,
    sha256 bytea NOT NULL,
    rendered_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_file_per_format PRIMARY KEY (number, format),
    CONSTRAINT file_of_an_invoice FOREIGN KEY (number) REFERENCES billing.invoice (number),
    CONSTRAINT file_format_known CHECK (format IN ('xml', 'pdf')),
    CONSTRAINT file_is_whole CHECK (sha256 = sha256(content))
);
CREATE TRIGGER invoice_file_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.invoice_file
    FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();

-- What became of an account's month: an invoice, nothing due, or parked with a reason. Movements up to
-- `ledger_revision` are in it; what comes later for this month is corrected in a later one.
CREATE TABLE billing.settlement (
    account_id text NOT NULL,
    period text NOT NULL,
    state text NOT NULL,
    reason jsonb,
    ledger_revision bigint NOT NULL,
    number text,
    CONSTRAINT month_settled_once PRIMARY KEY (account_id, period),
    CONSTRAINT settlement_of_an_account FOREIGN KEY (account_id) REFERENCES billing.account (account_id),
    CONSTRAINT settlement_by_an_invoice FOREIGN KEY (number) REFERENCES billing.invoice (number),
    CONSTRAINT settlement_state_known CHECK (state IN ('invoiced', 'nothing_due', 'parked')),
    CONSTRAINT settlement_names_its_invoice CHECK ((state = 'invoiced') = (number IS NOT NULL)),
    CONSTRAINT parked_for_a_reason CHECK ((state = 'parked') = (reason IS NOT NULL))
);
CREATE TRIGGER settlement_is_final BEFORE UPDATE ON billing.settlement
    FOR EACH ROW WHEN (OLD.state <> 'parked') EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER settlement_stays BEFORE DELETE OR TRUNCATE ON billing.settlement
    FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();

-- How far the run for a month has come. `open_parts` are the partitions still being worked through.
CREATE TABLE billing.invoice_run (
    period text NOT NULL,
    parts integer NOT NULL,
    open_parts integer[] NOT NULL,
    requests uuid[] NOT NULL,
    invoiced bigint NOT NULL,
    nothing_due bigint NOT NULL,
    parked bigint NOT NULL,
    CONSTRAINT one_run_per_month PRIMARY KEY (period),
    CONSTRAINT run_period_is_a_month CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$')
) WITH (fillfactor = 50);

-- Quotes that dry runs have given. Each is for one request's content (`digest`) and used by one request at most; what is
-- over is deleted after a while.
CREATE TABLE billing.quote (
    account_id text NOT NULL,
    quote_id uuid NOT NULL,
    digest bytea NOT NULL,
    catalogue text NOT NULL,
    lines jsonb NOT NULL,
    valid_until timestamptz NOT NULL,
    used_by uuid,
    CONSTRAINT one_quote_per_dry_run PRIMARY KEY (account_id, quote_id),
    CONSTRAINT quote_of_an_account FOREIGN KEY (account_id) REFERENCES billing.account (account_id),
    CONSTRAINT quoted_lines_are_a_list CHECK (jsonb_typeof(lines) = 'array')
) WITH (fillfactor = 70);
CREATE INDEX quote_over ON billing.quote (valid_until);
