-- name: directory_analyze :exec
SELECT analyze_directory();
