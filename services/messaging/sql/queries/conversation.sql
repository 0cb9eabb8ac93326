-- name: conversation_insert_direct :maybe
-- Makes the direct conversation of two people; no row when there is one already. $1 org, $2 id, $3 low, $4 high, $5 now.
INSERT INTO conversations (org_id, id, kind, direct_low, direct_high, member_count, create_time, activity_time)
VALUES ($1::uuid, $2::uuid, 1, $3::uuid, $4::uuid, 2, $5::timestamptz, $5::timestamptz)
ON CONFLICT (org_id, direct_low, direct_high) WHERE kind = 1 DO NOTHING
RETURNING id;

-- name: conversation_find_direct :one
SELECT id
FROM conversations
WHERE org_id = $1::uuid AND kind = 1 AND direct_low = $2::uuid AND direct_high = $3::uuid;

-- name: conversation_insert_group :exec
-- $1 org, $2 id, $3 name, $4 owner, $5 member count, $6 now.
INSERT INTO conversations (org_id, id, kind, name, owner_id, member_count, create_time, activity_time)
VALUES ($1::uuid, $2::uuid, 2, $3::text, $4::uuid, $5::int, $6::timestamptz, $6::timestamptz);

-- name: conversation_rename :exec
UPDATE conversations SET name = $3::text WHERE org_id = $1::uuid AND id = $2::uuid;

-- name: conversation_list :many
-- A person's conversations, most recently active first, after the key ($3, $4); with $6 only that one. $2 user, $5 limit.
-- The unread count stops at 1,000.
SELECT c.id, c.kind, c.name, c.owner_id,
       CASE WHEN c.kind = 1 THEN CASE WHEN c.direct_low = $2::uuid THEN c.direct_high ELSE c.direct_low END END AS peer_id,
       c.member_count, c.last_seq, c.create_time, c.activity_time, c.role, c.read_seq,
       l.id, l.sender_id, l.request_id, l.create_time, l.body, u.count
FROM (
    SELECT c.*, m.role, m.read_seq
    FROM members m
    JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
    WHERE m.org_id = $1::uuid AND m.user_id = $2::uuid
      AND ($3::timestamptz IS NULL OR (c.activity_time, c.id) < ($3::timestamptz, $4::uuid))
      AND ($6::uuid IS NULL OR m.conversation_id = $6::uuid)
    ORDER BY c.activity_time DESC, c.id DESC
    LIMIT $5::int
) c
LEFT JOIN messages l ON l.org_id = c.org_id AND l.conversation_id = c.id AND l.seq = c.last_seq
CROSS JOIN LATERAL (
    SELECT count(*)::bigint AS count
    FROM (
        SELECT 1
        FROM messages n
        WHERE n.org_id = c.org_id AND n.conversation_id = c.id AND n.seq > c.read_seq AND n.sender_id <> $2::uuid
        LIMIT 1000
    ) unread
) u
ORDER BY c.activity_time DESC, c.id DESC;

-- name: conversation_lock :many
-- Locks conversations in one order, so that concurrent batches cannot block each other in a circle.
SELECT id FROM conversations WHERE org_id = $1::uuid AND id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE;

-- name: conversation_access :maybe
-- What decides whether a person may see a conversation, and as what.
SELECT c.kind, c.last_seq, c.member_count, m.role, m.join_seq, m.read_seq
FROM members m
JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
WHERE m.org_id = $1::uuid AND m.conversation_id = $2::uuid AND m.user_id = $3::uuid;

-- name: conversation_add_member_count :one
UPDATE conversations
SET member_count = member_count + $3::int
WHERE org_id = $1::uuid AND id = $2::uuid
RETURNING member_count;
