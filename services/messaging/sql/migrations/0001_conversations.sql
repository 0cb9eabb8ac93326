-- Conversations, members, messages, read cursors, answered requests.
-- Every table leads with org_id and is bound by row-level security: a transaction sees the organization in app.org_id, and
-- fails without one.

CREATE TABLE conversations (
    org_id        uuid        NOT NULL,
    id            uuid        NOT NULL,
    kind          smallint    NOT NULL,           -- ConversationKind of message.proto
    name          text        NOT NULL DEFAULT '',
    owner_id      uuid,                           -- of a group
    direct_low    uuid,                           -- the two people of a direct conversation, the smaller id first
    direct_high   uuid,
    member_count  integer     NOT NULL,
    last_seq      bigint      NOT NULL DEFAULT 0,
    create_time   timestamptz NOT NULL,
    activity_time timestamptz NOT NULL,           -- not indexed: every message changes it, and HOT updates need that
    PRIMARY KEY (org_id, id),
    CHECK (kind IN (1, 2)),
    CHECK ((kind = 1) = (direct_low IS NOT NULL AND direct_high IS NOT NULL)),
    CHECK (direct_low < direct_high)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX conversations_direct ON conversations (org_id, direct_low, direct_high) WHERE kind = 1;

CREATE TABLE members (
    org_id          uuid        NOT NULL,
    conversation_id uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    role            smallint    NOT NULL,         -- MemberRole of message.proto
    join_time       timestamptz NOT NULL,
    join_seq        bigint      NOT NULL,         -- last_seq when the person joined
    read_seq        bigint      NOT NULL,         -- starts at join_seq, only grows
    read_time       timestamptz,
    PRIMARY KEY (org_id, conversation_id, user_id),
    FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id)
) WITH (fillfactor = 70);
CREATE INDEX members_user ON members (org_id, user_id);

CREATE TABLE messages (
    org_id          uuid        NOT NULL,
    conversation_id uuid        NOT NULL,
    seq             bigint      NOT NULL,
    id              uuid        NOT NULL,
    sender_id       uuid        NOT NULL,
    request_id      uuid        NOT NULL,
    create_time     timestamptz NOT NULL,
    body            text        NOT NULL,
    PRIMARY KEY (org_id, conversation_id, seq)
);
-- The idempotency key of a send: a person's request_id is answered once.
CREATE UNIQUE INDEX messages_request ON messages (org_id, sender_id, request_id);

-- Each step of a read cursor: from these follows when a person has read a message.
CREATE TABLE read_advances (
    org_id          uuid        NOT NULL,
    conversation_id uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    seq             bigint      NOT NULL,
    read_time       timestamptz NOT NULL,
    PRIMARY KEY (org_id, conversation_id, user_id, seq)
);

-- The first answers of requests other than sends (AIP-155).
CREATE TABLE answered_requests (
    org_id      uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    request_id  uuid        NOT NULL,
    request     bytea       NOT NULL,             -- SHA-256 of method and request: a repeat must be the same
    answer      bytea       NOT NULL,             -- the response on the wire
    create_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id, request_id)
);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['conversations', 'members', 'messages', 'read_advances', 'answered_requests'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY org ON %I USING (org_id = current_setting(''app.org_id'')::uuid) '
                       'WITH CHECK (org_id = current_setting(''app.org_id'')::uuid)', table_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO kongsi_app', table_name);
    END LOOP;
END
$$;
