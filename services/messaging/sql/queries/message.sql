-- name: message_prepare_batch :many
-- For each message of a batch, in its order: whether the sender is a member, and the message that answered the request before.
-- $2 conversations, $3 senders, $4 request ids.
SELECT m.user_id IS NOT NULL, e.id, e.conversation_id, e.seq, e.create_time, e.body
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) WITH ORDINALITY AS b (conversation_id, sender_id, request_id, i)
LEFT JOIN members m ON m.org_id = $1::uuid AND m.conversation_id = b.conversation_id AND m.user_id = b.sender_id
LEFT JOIN messages e ON e.org_id = $1::uuid AND e.sender_id = b.sender_id AND e.request_id = b.request_id
ORDER BY b.i;

-- name: message_insert_batch :many
-- Inserts the messages of a batch, whose conversations are locked, and gives each its seq. $2 conversations, $3 ids, $4 senders,
-- $5 request ids, $6 bodies: arrays of one length, in the order of seq. $7 now. Answers in the order of the arrays.
WITH batch AS (
    SELECT b.*, row_number() OVER (PARTITION BY b.conversation_id ORDER BY b.i) AS place
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[]) WITH ORDINALITY
        AS b (conversation_id, id, sender_id, request_id, body, i)
), counted AS (
    SELECT conversation_id, count(*) AS count FROM batch GROUP BY conversation_id
), advanced AS (
    UPDATE conversations c
    SET last_seq = c.last_seq + n.count, activity_time = $7::timestamptz
    FROM counted n
    WHERE c.org_id = $1::uuid AND c.id = n.conversation_id
    RETURNING c.id, c.last_seq - n.count AS base_seq
), inserted AS (
    INSERT INTO messages (org_id, conversation_id, seq, id, sender_id, request_id, create_time, body)
    SELECT $1::uuid, b.conversation_id, a.base_seq + b.place, b.id, b.sender_id, b.request_id, $7::timestamptz, b.body
    FROM batch b
    JOIN advanced a ON a.id = b.conversation_id
    ORDER BY b.i
)
SELECT a.base_seq + b.place
FROM batch b
JOIN advanced a ON a.id = b.conversation_id
ORDER BY b.i;

-- name: message_list_forward :many
SELECT id, seq, sender_id, request_id, create_time, body
FROM messages
WHERE org_id = $1::uuid AND conversation_id = $2::uuid AND seq > $3::bigint
ORDER BY seq
LIMIT $4::int;

-- name: message_list_backward :many
SELECT id, seq, sender_id, request_id, create_time, body
FROM messages
WHERE org_id = $1::uuid AND conversation_id = $2::uuid AND seq < $3::bigint
ORDER BY seq DESC
LIMIT $4::int;

-- name: message_find_sender :maybe
SELECT sender_id FROM messages WHERE org_id = $1::uuid AND conversation_id = $2::uuid AND seq = $3::bigint;
