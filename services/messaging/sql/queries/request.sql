-- name: request_find :maybe
SELECT request, answer FROM answered_requests WHERE org_id = $1::uuid AND user_id = $2::uuid AND request_id = $3::uuid;

-- name: request_insert :exec
-- $4 digest, $5 answer, $6 now; the person's older ones, $7, are forgotten meanwhile.
WITH forgotten AS (
    DELETE FROM answered_requests WHERE org_id = $1::uuid AND user_id = $2::uuid AND create_time < $7::timestamptz
)
INSERT INTO answered_requests (org_id, user_id, request_id, request, answer, create_time)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::bytea, $6::timestamptz);
