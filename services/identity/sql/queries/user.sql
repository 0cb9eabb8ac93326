-- name: user_get :maybe
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM users u WHERE u.org_id = $1::uuid AND u.id = $2::uuid;

-- name: user_get_locked :maybe
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM users u WHERE u.org_id = $1::uuid AND u.id = $2::uuid FOR NO KEY UPDATE;

-- name: user_get_by_external_id_locked :maybe
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM users u WHERE u.org_id = $1::uuid AND lower(u.external_id) = lower($2::text) FOR NO KEY UPDATE;

-- name: user_list :many
-- Filters that are NULL let everything through. $3 is a pattern for ILIKE. Behind the row of $5 and $6.
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM users u
WHERE u.org_id = $1::uuid
  AND ($2::uuid IS NULL OR u.department_id = $2)
  AND ($3::text IS NULL OR u.display_name ILIKE $3 OR u.legal_name ILIKE $3 OR u.preferred_name ILIKE $3
       OR u.chinese_name ILIKE $3 OR u.work_email ILIKE $3 OR u.external_id ILIKE $3)
  AND ($4::bool OR u.status <> 4)
  AND ($5::text IS NULL OR (u.display_name COLLATE "C", u.id) > ($5::text, $6::uuid))
ORDER BY u.display_name COLLATE "C", u.id LIMIT $7::int;

-- name: user_list_by_ids :many
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM users u WHERE u.org_id = $1::uuid AND u.id = ANY ($2::uuid[])
ORDER BY u.display_name COLLATE "C", u.id;

-- name: user_list_all :many
SELECT u.id, u.external_id, u.legal_name, u.preferred_name, u.chinese_name, u.display_name, u.work_email, u.mobile, u.title,
    u.department_id, u.manager_id, u.worker_type, u.weekly_minutes, u.location,
    coalesce(to_char(u.hire_date, 'YYYY-MM-DD'), '') AS hire_date, u.preferred_language, u.status, u.role, u.avatar_etag,
    u.create_time, u.update_time
FROM users u WHERE u.org_id = $1::uuid;

-- name: user_set_role :exec
UPDATE users SET role = $3::int, update_time = $4::timestamptz WHERE org_id = $1::uuid AND id = $2::uuid;

-- name: user_set_status :exec
UPDATE users SET status = $3::int, update_time = $4::timestamptz WHERE org_id = $1::uuid AND id = $2::uuid;

-- name: user_set_avatar :exec
UPDATE users SET avatar_etag = $3::text, update_time = $4::timestamptz WHERE org_id = $1::uuid AND id = $2::uuid;

-- name: user_insert_many :exec
-- Arrays of one length; empty texts stand for NULL where the column may be NULL.
INSERT INTO users (org_id, id, external_id, legal_name, preferred_name, chinese_name, display_name, work_email, mobile, title, department_id,
    manager_id, worker_type, weekly_minutes, location, hire_date, preferred_language, status,
    role, create_time, update_time)
SELECT $1::uuid, n.id, n.external_id, n.legal_name, n.preferred_name, n.chinese_name, n.display_name, n.work_email, n.mobile, n.title,
    nullif(n.department_id, '')::uuid, nullif(n.manager_id, '')::uuid, n.worker_type, n.weekly_minutes, n.location,
    nullif(n.hire_date, '')::date, n.preferred_language, n.status, 1, $19::timestamptz, $19
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::text[], $14::int[], $15::text[], $16::text[], $17::text[], $18::int[])
    AS n (id, external_id, legal_name, preferred_name, chinese_name, display_name, work_email, mobile, title, department_id,
    manager_id, worker_type, weekly_minutes, location, hire_date, preferred_language, status);

-- name: user_update_many :exec
UPDATE users u
SET external_id = n.external_id, legal_name = n.legal_name, preferred_name = n.preferred_name, chinese_name = n.chinese_name,
    display_name = n.display_name, work_email = n.work_email, mobile = n.mobile, title = n.title,
    department_id = nullif(n.department_id, '')::uuid, manager_id = nullif(n.manager_id, '')::uuid, worker_type = n.worker_type,
    weekly_minutes = n.weekly_minutes, location = n.location, hire_date = nullif(n.hire_date, '')::date,
    preferred_language = n.preferred_language, status = n.status, update_time = $19::timestamptz
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::text[], $14::int[], $15::text[], $16::text[], $17::text[], $18::int[])
    AS n (id, external_id, legal_name, preferred_name, chinese_name, display_name, work_email, mobile, title, department_id,
    manager_id, worker_type, weekly_minutes, location, hire_date, preferred_language, status)
WHERE u.org_id = $1::uuid AND u.id = n.id;
