"""What crosses the bus: envelope, values, messages, refusals, routes.

This package is the only thing another program must import to talk to Postkontor. It needs pydantic, and `idna`
for IDNA 2008 names; it opens no connection and reads no clock.

    envelope   the CloudEvents 1.0 JSON form of requests, hand-overs and facts; questions and answers are bare JSON
    values     account id, domain name, mail address, cents, bytes, password hash
    password_policy
               which password hashes are strong enough
    leaving    when something shall be gone: at once, on a day, after the grace
    ids        UUIDv7 for requests, UUIDv5 for what follows from them
    refusals   code, findings and text in two languages
    codes      every refusal code with its sentences; codes_bulk, codes_mailboxes: some of them
    remedies   what helps against each, remedies_more; sayers: who says it; handbook: writes docs/codes.md
    registry   which message belongs to which subject
    routes     which worker handles a request, in which order, and which fact ends it
    billing_v1, domain_v1, dnscheck_v1, mailbox_v1
               the messages, by owner and version; invoicing_v1 are further ones of billing, forwarding_v1,
               groups_v1, backups_v1, passwords_v1, spam_v1 and privacy_v1 of mailbox, features_v1 of domain and
               mailbox, bulk_v1, holds_v1 of domain; removal_v1 and closure_v1 those of what is given up by
               several workers together; mailbox_v2: second versions
    evolution  from one version of a message to the next, and back
    trail_v1   questions about chains of messages, and what decided a price or a cap
    telling    what a message says, in one sentence; telling_words are its sentences

What is published of them is generated and committed:

    docs/codes.md         every code for readers (python -m contracts.handbook; documents keeps such documents)
    schemas/, asyncapi/   JSON Schemas and the AsyncAPI document (python -m contracts.generate)
    golden/               one message of each type, never rewritten once released
    released/             the state of the last release; what follows may only grow (python -m contracts.compatibility)
"""
