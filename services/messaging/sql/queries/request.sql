-- name: request_find :maybe
SELECT request, answer FROM answered_requests WHERE org_id = $1::uuid AND user_id = $2::uuid AND request_id = $3::uuid;

-- name: request_insert :exec
INSERT INTO answered_requests (org_id, user_id, request_id, request, answer, create_time)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::bytea, $6::timestamptz);
