-- Functions, replaced whole when they change. A change of rem_terms' rules needs TOKENISER_VERSION and a rebuild.

-- Case, compatibility forms and accents folded away, by tables that come with the server and not with its operating system.
create or replace function rem_fold(input text) returns text
language sql immutable parallel safe strict
return casefold(
    case
        when input ~ '^[\x01-\x7f]*$' then input
        else normalize(
            regexp_replace(translate(normalize(input, NFKD), '‘’ʼ', ''''''''), '[\u0300-\u036f]', '', 'g'), NFKC)
    end collate "pg_unicode_fast");

-- The terms of a text, for writing postings and for asking them: words by their stem, and what is written as one thing
-- (TIDB-142, ann@acme.example, v0.20.4, C++, snake_case) both whole and in parts.
create or replace function rem_terms(input text) returns setof text
language sql immutable parallel safe strict rows 100
begin atomic
    with word as (
        select m[1] as whole
        from regexp_matches(
            rem_fold(input), '([[:alnum:]]+(?:[-._@&''][[:alnum:]]+)*[+#]*)' collate "pg_unicode_fast", 'g') as m
    ),
    piece as (
        select left(whole, 100) as term from word
        union all
        select substr(whole, 2) from word where whole ~ '^v[0-9]+\.[0-9.]*[0-9]$'
        union all
        select left(part, 100)
        from word, regexp_split_to_table(whole, '[-._@&+#]+') as part
        where whole ~ '[-._@&]' and (length(part) > 1 or part ~ '[[:alpha:]]')
    )
    select case
            when term ~ '^[[:alpha:]'']+$' collate "pg_unicode_fast"
            then coalesce((ts_lexize('rem_english', term))[1], term)
            else term
        end
    from piece
    where term <> all (array[
        'a', 'about', 'an', 'and', 'are', 'as', 'at', 'be', 'been', 'but', 'by', 'can', 'could', 'did', 'do', 'does',
        'for', 'from', 'had', 'has', 'have', 'he', 'her', 'his', 'how', 'i', 'if', 'in', 'into', 'is', 'it', 'its', 'me',
        'my', 'of', 'on', 'or', 'our', 'she', 'should', 'so', 'than', 'that', 'the', 'their', 'them', 'then', 'there',
        'they', 'this', 'to', 'was', 'we', 'were', 'what', 'when', 'where', 'which', 'who', 'whom', 'whose', 'why',
        'will', 'with', 'would', 'you', 'your', 's', 't']);
end;

-- A time as text of one form.
create or replace function rem_time(t timestamptz) returns text
language sql stable parallel safe strict
return to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- What WHERE compares: every field of a node or message by its plain name, times as UTC text that sorts as it reads.
create or replace function rem_fields(n node, m message) returns jsonb
language sql stable parallel safe
return case
    when n.id is not null then
        n.metadata || coalesce(n.data -> 'properties', '{}') || n.data || jsonb_build_object(
            'metadata', n.metadata, 'kind', n.kind, 'type', n.type, 'key', n.key, 'label', n.label, 'tags', to_jsonb(n.tags),
            'user_id', nullif(n.owner, ''), 'version', n.version, 'created_at', rem_time(n.created_at),
            'updated_at', rem_time(n.updated_at), 'starts_at', rem_time(n.starts_at), 'ends_at', rem_time(n.ends_at),
            'timestamp', rem_time(n.starts_at), 'content_hash', encode(n.content_hash, 'hex'))
    when m.id is not null then
        m.metadata || jsonb_build_object(
            'metadata', m.metadata, 'kind', 'message', 'role', m.role, 'session_id', m.session_id, 'trace_id', m.trace_id,
            'tags', to_jsonb(m.tags), 'user_id', nullif(m.owner, ''), 'created_at', rem_time(m.created_at),
            'updated_at', rem_time(m.updated_at))
    else '{}'
end;

-- The exact BM25 of chunks that are known, for whoever asks: one pass over each term's postings. Weights have k1 + 1 in them,
-- `length_factor` is k1 * b / mean length. A function for its settings alone: with few terms in a chunk the planner would read
-- all of each chunk's, by posting_chunk, which is right for two chunks and a hundred times slower for two thousand. That a row
-- costs a thousand times as much as it does leaves only the primary key, whose rows are those that are asked for.
create or replace function rem_bm25(
    asker text, terms text[], weights float8[], length_factor float8, chunk_ids bigint[]
) returns table (chunk_id bigint, score float8)
language sql stable parallel safe rows 100
set cpu_tuple_cost = 10 set enable_seqscan = off set plan_cache_mode = force_generic_plan
begin atomic
    select p.chunk_id, sum(l.weight * p.tf::float8 / (p.tf::float8 + 0.3::float8 + length_factor * p.len::float8))
    from unnest(terms, weights) as l (term, weight)
    cross join lateral (
        select x.chunk_id, x.tf, x.len from posting x
        where x.term = l.term collate "C" and x.owner in ('', asker) and x.chunk_id = any (chunk_ids)
        offset 0
    ) p
    group by p.chunk_id;
end;
