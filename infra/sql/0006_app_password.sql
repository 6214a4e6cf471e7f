-- The application role's password, set without a trace of it: the context of an error would hold the statement that
-- failed, and that holds the password. So an error keeps its SQLSTATE and nothing else, a cancelled call's too.
create or replace function operations.set_app_password(p_password text) returns void
language plpgsql as $$
begin
    execute format('alter role millrace_app with login password %L', p_password);
exception
    when query_canceled or assert_failure or others then
        raise exception using
            message = 'the password of millrace_app could not be set',
            -- XX000: another database of the server set it at the same moment, and trying again helps.
            errcode = case sqlstate when 'XX000' then '40001' else sqlstate end;
end
$$;
