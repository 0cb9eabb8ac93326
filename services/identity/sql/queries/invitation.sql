-- name: invitation_put :exec
INSERT INTO invitations (org_id, user_id, token_hash, create_time, expire_time)
VALUES ($1::uuid, $2::uuid, $3::bytea, $4::timestamptz, $5::timestamptz)
ON CONFLICT (org_id, user_id)
DO UPDATE SET token_hash = excluded.token_hash, create_time = excluded.create_time, expire_time = excluded.expire_time;

-- name: invitation_find :maybe
-- Whose a valid invitation is, if the person may still use it: invited or active.
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM invitations i JOIN users u ON u.org_id = i.org_id AND u.id = i.user_id
WHERE i.org_id = $1::uuid AND i.token_hash = $2::bytea AND i.expire_time > $3::timestamptz AND u.status IN (1, 2);

-- name: invitation_take :maybe
-- Uses it up.
DELETE FROM invitations
WHERE org_id = $1::uuid AND token_hash = $2::bytea AND expire_time > $3::timestamptz
RETURNING user_id;

-- name: invitation_delete_of_users :exec
DELETE FROM invitations WHERE org_id = $1::uuid AND user_id = ANY ($2::uuid[]);
