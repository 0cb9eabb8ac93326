CREATE FUNCTION raise_sqlstate(state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'a secret of the server';
END
$$;
