-- name: member_insert :many
-- Adds people ($3) with roles ($4); those already in it are left as they are. $5 join_seq, $6 now.
INSERT INTO members (org_id, conversation_id, user_id, role, join_time, join_seq, read_seq)
SELECT $1::uuid, $2::uuid, p.user_id, p.role, $6::timestamptz, $5::bigint, $5::bigint
FROM unnest($3::uuid[], $4::int[]) AS p (user_id, role)
ON CONFLICT DO NOTHING
RETURNING user_id;

-- name: member_delete :exec
DELETE FROM members WHERE org_id = $1::uuid AND conversation_id = $2::uuid AND user_id = $3::uuid;

-- name: member_list :many
-- $3 the last user id of the page before, or NULL; $4 limit.
SELECT user_id, role, join_time, read_seq, read_time, join_seq
FROM members
WHERE org_id = $1::uuid AND conversation_id = $2::uuid AND ($3::uuid IS NULL OR user_id > $3::uuid)
ORDER BY user_id
LIMIT $4::int;

-- name: member_list_groups_of_user :many
-- The groups a person is in, in the order they are locked.
SELECT m.conversation_id
FROM members m
JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
WHERE m.org_id = $1::uuid AND m.user_id = $2::uuid AND c.kind = 2
ORDER BY m.conversation_id;

-- name: member_delete_from_groups :exec
-- Takes a person out of conversations ($3) and counts them down.
WITH gone AS (
    DELETE FROM members
    WHERE org_id = $1::uuid AND user_id = $2::uuid AND conversation_id = ANY ($3::uuid[])
    RETURNING conversation_id
)
UPDATE conversations c
SET member_count = c.member_count - 1
FROM gone
WHERE c.org_id = $1::uuid AND c.id = gone.conversation_id;

-- name: member_list_memberships :many
SELECT m.conversation_id, c.last_seq, m.read_seq
FROM members m
JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
WHERE m.org_id = $1::uuid AND m.user_id = $2::uuid
ORDER BY c.activity_time DESC
LIMIT 10000;
