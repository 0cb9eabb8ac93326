-- name: read_cursor_prepare_batch :many
-- For each mark of a batch, in its order: whether the person is a member, the cursor as it is, and the conversation's last_seq.
-- $2 conversations, $3 people. The rows are locked in one order by read_cursor_lock before.
SELECT m.user_id IS NOT NULL, coalesce(m.read_seq, 0), m.read_time, coalesce(c.last_seq, 0)
FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS b (conversation_id, user_id, i)
LEFT JOIN members m ON m.org_id = $1::uuid AND m.conversation_id = b.conversation_id AND m.user_id = b.user_id
LEFT JOIN conversations c ON c.org_id = $1::uuid AND c.id = b.conversation_id
ORDER BY b.i;

-- name: read_cursor_lock :many
SELECT m.user_id
FROM members m
JOIN (SELECT DISTINCT conversation_id, user_id FROM unnest($2::uuid[], $3::uuid[]) AS u (conversation_id, user_id)) b
    ON m.conversation_id = b.conversation_id AND m.user_id = b.user_id
WHERE m.org_id = $1::uuid
ORDER BY m.conversation_id, m.user_id
FOR UPDATE OF m;

-- name: read_cursor_advance_batch :exec
-- $2 conversations, $3 people, $4 seqs: one entry a cursor, each beyond the cursor as it is. $5 now.
WITH batch AS (
    SELECT b.conversation_id, b.user_id, b.seq FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS b (conversation_id, user_id, seq)
), advanced AS (
    UPDATE members m
    SET read_seq = b.seq, read_time = $5::timestamptz
    FROM batch b
    WHERE m.org_id = $1::uuid AND m.conversation_id = b.conversation_id AND m.user_id = b.user_id AND m.read_seq < b.seq
    RETURNING m.conversation_id, m.user_id, m.read_seq
)
INSERT INTO read_advances (org_id, conversation_id, user_id, seq, read_time)
SELECT $1::uuid, conversation_id, user_id, read_seq, $5::timestamptz
FROM advanced;

-- name: receipt_list :many
-- Who of those that had joined by message $3, its sender $4 left out, has read it and when (NULL: not).
SELECT m.user_id, a.read_time
FROM members m
LEFT JOIN LATERAL (
    SELECT r.read_time
    FROM read_advances r
    WHERE r.org_id = m.org_id AND r.conversation_id = m.conversation_id AND r.user_id = m.user_id AND r.seq >= $3::bigint
    ORDER BY r.seq
    LIMIT 1
) a ON m.read_seq >= $3::bigint
WHERE m.org_id = $1::uuid AND m.conversation_id = $2::uuid AND m.user_id <> $4::uuid AND m.join_seq < $3::bigint
ORDER BY a.read_time NULLS LAST, m.user_id
LIMIT 5000;
