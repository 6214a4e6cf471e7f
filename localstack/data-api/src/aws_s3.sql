-- A stand-in for Aurora's extensions aws_commons and aws_s3: the same names, arguments and answers, over COPY and a
-- small program that speaks to the local S3. Run as the superuser, once a database; running it again changes nothing.
--
-- Privileges are the caller's, as on Aurora: the public functions run as the caller, who must be allowed to insert
-- into the table or to run the query. Only the two private functions run as the superuser, because only he may start
-- programs; they take a relation that has been checked and options that hold nothing but COPY's own words.

create schema if not exists aws_commons;
create schema if not exists aws_s3;

do $$
begin
    if to_regtype('aws_commons._s3_uri_1') is null then
        create type aws_commons._s3_uri_1 as (bucket text, file_path text, region text);
    end if;
    if to_regtype('aws_commons._aws_credentials_1') is null then
        create type aws_commons._aws_credentials_1 as (access_key text, secret_key text, session_token text);
    end if;
end
$$;

-- The program, quoted for the shell, and what it says about objects.
create table if not exists aws_s3._program (only_row boolean primary key default true check (only_row), command text not null);
create unlogged table if not exists aws_s3._answer (token text, status int, bytes bigint);
revoke all on aws_s3._program, aws_s3._answer from public;

create or replace function aws_commons.create_s3_uri(s3_bucket text, s3_key text, aws_region text)
returns aws_commons._s3_uri_1 language sql immutable as
$$ select row(s3_bucket, s3_key, aws_region)::aws_commons._s3_uri_1 $$;

create or replace function aws_commons.create_aws_credentials(access_key text, secret_key text, session_token text)
returns aws_commons._aws_credentials_1 language sql immutable as
$$ select row(access_key, secret_key, session_token)::aws_commons._aws_credentials_1 $$;

-- The shell's command for one action on one object. What is not plainly a bucket or a key is refused, and what is
-- left is quoted.
create or replace function aws_s3._command(action text, s3_bucket text, s3_key text)
returns text language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    program text;
begin
    if s3_bucket is null or s3_bucket !~ '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' then
        raise exception 'HTTP 400. The specified bucket is not valid.' using errcode = '22023';
    end if;
    if s3_key is null or length(s3_key) > 1024 or s3_key !~ '^[A-Za-z0-9 !_.*()/=+@,:&$~%-]+$' then
        raise exception 'HTTP 400. The specified key is not valid.' using errcode = '22023';
    end if;
    select command into strict program from aws_s3._program;
    -- no quote can be in any of them
    return format('%s ''%s'' ''%s'' ''%s''', program, action, s3_bucket, s3_key);
end
$$;

-- The size of an object; raises what Aurora raises when it cannot be had.
create or replace function aws_s3._size(s3_bucket text, s3_key text)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    name text := replace(gen_random_uuid()::text, '-', '');
    answer record;
begin
    execute format('copy aws_s3._answer from program %L',
                   aws_s3._command('size-' || name, s3_bucket, s3_key));
    delete from aws_s3._answer where token = name returning status, bytes into answer;
    if answer.status = 200 then
        return answer.bytes;
    end if;
    raise exception '%', case answer.status
        when 404 then 'HTTP 404. The specified key does not exist.'
        when 403 then 'HTTP 403. Permission denied. Check bucket, file path or region.'
        else format('HTTP %s. The object cannot be read.', answer.status)
    end using errcode = '58030';
end
$$;

-- Refuses options that are more than COPY's words and strings: no second statement, no WHERE with its expressions.
create or replace function aws_s3._checked_options(options text)
returns text language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    given text := coalesce(options, '');
    bare text;
begin
    -- `xE'…'` is an identifier and a plain string to PostgreSQL, but would look like an escape string below
    if given !~ '[[:alnum:]_$][eE]''' then
        bare := regexp_replace(given, '[eE]''([^''\\]|''''|\\.)*''|''([^'']|'''')*''|"([^"]|"")*"', '', 'g');
        if bare ~ '^[A-Za-z0-9_ \t\r\n,()*]*$' and bare !~* '\mwhere\M' then
            return given;
        end if;
    end if;
    raise exception 'the options are not valid: %', given using errcode = '22023';
end
$$;

create or replace function aws_s3._import(relation regclass, columns text, options text, s3_bucket text, s3_key text)
returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp set standard_conforming_strings = on as $$
declare
    imported bigint;
begin
    if not has_table_privilege(session_user, relation, 'insert') then
        raise exception 'permission denied for table %', relation using errcode = '42501';
    end if;
    if columns <> '' then
        select '(' || string_agg(quote_ident(identifier[1]), ', ' order by position) || ')'
          into columns
          from (select parse_ident(trim(piece)) as identifier, position
                  from regexp_split_to_table(columns, ',') with ordinality as pieces (piece, position)) as parsed;
    end if;
    execute format('copy %s %s from program %L %s', relation, coalesce(columns, ''),
                   aws_s3._command('get', s3_bucket, s3_key), aws_s3._checked_options(options));
    get diagnostics imported = row_count;
    return imported;
end
$$;

create or replace function aws_s3._export(relation regclass, options text, s3_bucket text, s3_key text)
returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp set standard_conforming_strings = on as $$
declare
    exported bigint;
begin
    if not exists (select from pg_class where oid = relation and relnamespace = pg_my_temp_schema()) then
        raise exception 'permission denied for table %', relation using errcode = '42501';
    end if;
    execute format('copy %s to program %L %s', relation,
                   aws_s3._command('put', s3_bucket, s3_key), aws_s3._checked_options(options));
    get diagnostics exported = row_count;
    return exported;
end
$$;

create or replace function aws_s3.table_import_from_s3(
    table_name text, column_list text, options text, s3_info aws_commons._s3_uri_1,
    credentials aws_commons._aws_credentials_1 default null)
returns text language plpgsql as $$
declare
    relation regclass := table_name::regclass;
    bytes bigint;
    imported bigint;
begin
    if not has_table_privilege(relation, 'insert') then
        raise exception 'permission denied for table %', table_name using errcode = '42501';
    end if;
    bytes := aws_s3._size(s3_info.bucket, s3_info.file_path);
    imported := aws_s3._import(relation, column_list, options, s3_info.bucket, s3_info.file_path);
    return format('%s rows imported into relation "%s" from file %s of %s bytes',
                  imported, table_name, s3_info.file_path, bytes);
end
$$;

create or replace function aws_s3.table_import_from_s3(
    table_name text, column_list text, options text, bucket text, file_path text, region text,
    access_key text default null, secret_key text default null, session_token text default null)
returns text language sql as $$
    select aws_s3.table_import_from_s3(table_name, column_list, options,
                                       aws_commons.create_s3_uri(bucket, file_path, region))
$$;

create or replace function aws_s3.query_export_to_s3(
    query text, s3_info aws_commons._s3_uri_1, options text default null, kms_key text default null,
    out rows_uploaded bigint, out files_uploaded bigint, out bytes_uploaded bigint)
returns setof record language plpgsql as $$
begin
    execute 'create temporary table _aws_s3_export on commit drop as ' || query;
    rows_uploaded := aws_s3._export('pg_temp._aws_s3_export', options, s3_info.bucket, s3_info.file_path);
    drop table pg_temp._aws_s3_export;
    files_uploaded := 1;
    bytes_uploaded := aws_s3._size(s3_info.bucket, s3_info.file_path);
    return next;
end
$$;

create or replace function aws_s3.query_export_to_s3(
    query text, bucket text, file_path text, region text default null, options text default null,
    kms_key text default null,
    out rows_uploaded bigint, out files_uploaded bigint, out bytes_uploaded bigint)
returns setof record language sql as $$
    select * from aws_s3.query_export_to_s3(query, aws_commons.create_s3_uri(bucket, file_path, region), options, kms_key)
$$;

revoke all on all functions in schema aws_s3, aws_commons from public;
