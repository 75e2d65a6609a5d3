-- What SQL mode finds in place of functions and operators that take memory or time without end. Its search path has this
-- schema before pg_catalog, and its allow-list takes no qualified names, so `a || b` there is the one below. Same names,
-- same arguments, same results, up to a size. What is called in here is qualified, or it would find itself.

drop schema if exists bounded cascade;
create schema bounded;

-- Bytes of one value that is put together, elements of one that is gathered, bytes of a numeric that is multiplied; and the
-- product of two sizes where each of one is compared with each of the other. PostgreSQL cannot be interrupted meanwhile.
create function bounded.max_bytes() returns integer language sql immutable parallel safe return 100000;
create function bounded.max_elements() returns integer language sql immutable parallel safe return 1000;
create function bounded.max_numeric() returns integer language sql immutable parallel safe return 1000;
create function bounded.max_work() returns integer language sql immutable parallel safe return 20000000;

create function bounded.checked(what text, size bigint, most bigint) returns void
language plpgsql immutable parallel safe as $$
begin
    if size > most then
        raise program_limit_exceeded using
            message = pg_catalog.format('%s would make a value too large: %s, at most %s', what, size, most),
            hint = 'take fewer rows or shorter texts first: LIMIT in a subselect, left(text, n)';
    end if;
end $$;

create function bounded.worked(what text, a integer, b integer) returns void
language plpgsql immutable parallel safe as $$
begin
    if a::bigint * b > bounded.max_work() then
        raise program_limit_exceeded using
            message = pg_catalog.format('%s would compare %s with %s bytes, one with each other', what, a, b),
            hint = 'take shorter texts first: left(text, n)';
    end if;
end $$;

-- Putting together.

create function bounded.text_cat(a text, b text) returns text language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked('||', pg_catalog.octet_length(a) + pg_catalog.octet_length(b), bounded.max_bytes());
    return a operator(pg_catalog.||) b;
end $$;
create function bounded.text_cat(a text, b anynonarray) returns text language plpgsql stable strict parallel safe as $$
begin
    return bounded.text_cat(a, b::text);
end $$;
create function bounded.text_cat(a anynonarray, b text) returns text language plpgsql stable strict parallel safe as $$
begin
    return bounded.text_cat(a::text, b);
end $$;
create function bounded.jsonb_cat(a jsonb, b jsonb) returns jsonb language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked('||', pg_catalog.pg_column_size(a) + pg_catalog.pg_column_size(b), bounded.max_bytes());
    return a operator(pg_catalog.||) b;
end $$;
create function bounded.array_cat(a anycompatiblearray, b anycompatiblearray) returns anycompatiblearray
language plpgsql immutable parallel safe as $$
begin
    perform bounded.checked(
        '||', coalesce(pg_catalog.cardinality(a), 0) + coalesce(pg_catalog.cardinality(b), 0), bounded.max_elements());
    return pg_catalog.array_cat(a, b);
end $$;
create function bounded.array_append(a anycompatiblearray, b anycompatible) returns anycompatiblearray
language plpgsql immutable parallel safe as $$
begin
    perform bounded.checked('||', coalesce(pg_catalog.cardinality(a), 0) + 1, bounded.max_elements());
    return pg_catalog.array_append(a, b);
end $$;
create function bounded.array_prepend(a anycompatible, b anycompatiblearray) returns anycompatiblearray
language plpgsql immutable parallel safe as $$
begin
    perform bounded.checked('||', coalesce(pg_catalog.cardinality(b), 0) + 1, bounded.max_elements());
    return pg_catalog.array_prepend(a, b);
end $$;

create operator bounded.|| (leftarg = text, rightarg = text, function = bounded.text_cat);
create operator bounded.|| (leftarg = text, rightarg = anynonarray, function = bounded.text_cat);
create operator bounded.|| (leftarg = anynonarray, rightarg = text, function = bounded.text_cat);
create operator bounded.|| (leftarg = jsonb, rightarg = jsonb, function = bounded.jsonb_cat);
create operator bounded.|| (leftarg = anycompatiblearray, rightarg = anycompatiblearray, function = bounded.array_cat);
create operator bounded.|| (leftarg = anycompatiblearray, rightarg = anycompatible, function = bounded.array_append);
create operator bounded.|| (leftarg = anycompatible, rightarg = anycompatiblearray, function = bounded.array_prepend);

create function bounded.array_to_string(a anyarray, delimiter text, null_string text default null) returns text
language plpgsql stable parallel safe as $$
begin
    perform bounded.checked(
        'array_to_string',
        pg_catalog.cardinality(a)::bigint
            * (coalesce(pg_catalog.octet_length(delimiter), 0) + coalesce(pg_catalog.octet_length(null_string), 0))
            + pg_catalog.pg_column_size(a),
        bounded.max_bytes());
    return pg_catalog.array_to_string(a, delimiter, null_string);
end $$;

create function bounded.replace(source text, old text, new text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked(
        'replace',
        pg_catalog.octet_length(source)::bigint
            + pg_catalog.octet_length(source)::bigint / greatest(pg_catalog.octet_length(old), 1)
            * pg_catalog.octet_length(new),
        bounded.max_bytes());
    perform bounded.worked('replace', pg_catalog.octet_length(source), pg_catalog.octet_length(old));
    return pg_catalog.replace(source, old, new);
end $$;

-- Each match may be empty, and \& in the replacement repeats it.
create function bounded.regexp_replace(source text, pattern text, replacement text, flags text default '') returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked(
        'regexp_replace',
        (pg_catalog.octet_length(source)::bigint + 1) * (2 * pg_catalog.octet_length(replacement) + 1),
        16 * bounded.max_bytes());
    return pg_catalog.regexp_replace(source, pattern, replacement, flags);
end $$;

-- Comparing each with each.

create function bounded.translate(source text, old text, new text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('translate', pg_catalog.octet_length(source), pg_catalog.octet_length(old));
    return pg_catalog.translate(source, old, new);
end $$;
create function bounded.strpos(source text, part text) returns integer
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('strpos', pg_catalog.octet_length(source), pg_catalog.octet_length(part));
    return pg_catalog.strpos(source, part);
end $$;
create function bounded.split_part(source text, delimiter text, n integer) returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('split_part', pg_catalog.octet_length(source), pg_catalog.octet_length(delimiter));
    return pg_catalog.split_part(source, delimiter, n);
end $$;
create function bounded.btrim(source text, characters text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('btrim', pg_catalog.octet_length(source), pg_catalog.octet_length(characters));
    return pg_catalog.btrim(source, characters);
end $$;
create function bounded.ltrim(source text, characters text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('ltrim', pg_catalog.octet_length(source), pg_catalog.octet_length(characters));
    return pg_catalog.ltrim(source, characters);
end $$;
create function bounded.rtrim(source text, characters text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('rtrim', pg_catalog.octet_length(source), pg_catalog.octet_length(characters));
    return pg_catalog.rtrim(source, characters);
end $$;
create function bounded.similarity(a text, b text) returns real
language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('similarity', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return public.similarity(a, b);
end $$;
create function bounded.word_similarity(a text, b text) returns real
language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('word_similarity', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return public.word_similarity(a, b);
end $$;
create function bounded.strict_word_similarity(a text, b text) returns real
language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('strict_word_similarity', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return public.strict_word_similarity(a, b);
end $$;
create function bounded.string_to_array(source text, delimiter text, null_string text default null) returns text[]
language plpgsql immutable parallel safe as $$
declare found text[];
begin
    perform bounded.worked('string_to_array', pg_catalog.octet_length(source), pg_catalog.octet_length(delimiter));
    found := pg_catalog.string_to_array(source, delimiter, null_string);
    perform bounded.checked('string_to_array', pg_catalog.cardinality(found), bounded.max_elements());
    return found;
end $$;
create function bounded.string_to_table(source text, delimiter text, null_string text default null) returns setof text
language plpgsql immutable parallel safe as $$
begin
    perform bounded.worked('string_to_table', pg_catalog.octet_length(source), pg_catalog.octet_length(delimiter));
    return query select * from pg_catalog.string_to_table(source, delimiter, null_string);
end $$;
create function bounded.regexp_split_to_array(source text, pattern text, flags text default '') returns text[]
language plpgsql immutable strict parallel safe as $$
declare found text[] := pg_catalog.regexp_split_to_array(source, pattern, flags);
begin
    perform bounded.checked('regexp_split_to_array', pg_catalog.cardinality(found), bounded.max_elements());
    return found;
end $$;
create function bounded.like_text(a text, b text) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('LIKE', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(pg_catalog.~~) b;
end $$;
create operator bounded.~~ (leftarg = text, rightarg = text, function = bounded.like_text, restrict = likesel, join = likejoinsel);
create function bounded.not_like_text(a text, b text) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('LIKE', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(pg_catalog.!~~) b;
end $$;
create operator bounded.!~~ (leftarg = text, rightarg = text, function = bounded.not_like_text, restrict = nlikesel, join = nlikejoinsel);
create function bounded.ilike_text(a text, b text) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('ILIKE', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(pg_catalog.~~*) b;
end $$;
create operator bounded.~~* (leftarg = text, rightarg = text, function = bounded.ilike_text, restrict = iclikesel, join = iclikejoinsel);
create function bounded.not_ilike_text(a text, b text) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('ILIKE', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(pg_catalog.!~~*) b;
end $$;
create operator bounded.!~~* (leftarg = text, rightarg = text, function = bounded.not_ilike_text, restrict = icnlikesel, join = icnlikejoinsel);
create function bounded.jsonb_contains(a jsonb, b jsonb) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('@>', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.@>) b;
end $$;
create operator bounded.@> (leftarg = jsonb, rightarg = jsonb, function = bounded.jsonb_contains);
create function bounded.jsonb_contained(a jsonb, b jsonb) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('<@', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.<@) b;
end $$;
create operator bounded.<@ (leftarg = jsonb, rightarg = jsonb, function = bounded.jsonb_contained);
create function bounded.jsonb_exists_any(a jsonb, b text[]) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('?|', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.?|) b;
end $$;
create operator bounded.?| (leftarg = jsonb, rightarg = text[], function = bounded.jsonb_exists_any);
create function bounded.jsonb_exists_all(a jsonb, b text[]) returns boolean language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('?&', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.?&) b;
end $$;
create operator bounded.?& (leftarg = jsonb, rightarg = text[], function = bounded.jsonb_exists_all);
create function bounded.jsonb_without(a jsonb, b text[]) returns jsonb language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('-', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.-) b;
end $$;
create operator bounded.- (leftarg = jsonb, rightarg = text[], function = bounded.jsonb_without);
create function bounded.arrays_overlap(a anyarray, b anyarray) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('&&', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.&&) b;
end $$;
create operator bounded.&& (leftarg = anyarray, rightarg = anyarray, function = bounded.arrays_overlap);
create function bounded.array_contains(a anyarray, b anyarray) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('@>', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.@>) b;
end $$;
create operator bounded.@> (leftarg = anyarray, rightarg = anyarray, function = bounded.array_contains);
create function bounded.array_contained(a anyarray, b anyarray) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.worked('<@', pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b));
    return a operator(pg_catalog.<@) b;
end $$;
create operator bounded.<@ (leftarg = anyarray, rightarg = anyarray, function = bounded.array_contained);
create function bounded.text_distance(a text, b text) returns real language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('<->', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(public.<->) b;
end $$;
create operator bounded.<-> (leftarg = text, rightarg = text, function = bounded.text_distance);
create function bounded.text_is_similar(a text, b text) returns boolean language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('%', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(public.%) b;
end $$;
create operator bounded.% (leftarg = text, rightarg = text, function = bounded.text_is_similar);
create function bounded.word_is_similar(a text, b text) returns boolean language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('<%', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(public.<%) b;
end $$;
create operator bounded.<% (leftarg = text, rightarg = text, function = bounded.word_is_similar);
create function bounded.has_similar_word(a text, b text) returns boolean language plpgsql stable strict parallel safe as $$
begin
    perform bounded.worked('%>', pg_catalog.octet_length(a), pg_catalog.octet_length(b));
    return a operator(public.%>) b;
end $$;
create operator bounded.%> (leftarg = text, rightarg = text, function = bounded.has_similar_word);

-- Gathering.

create function bounded.string_agg_step(state text, value text, delimiter text) returns text
language plpgsql immutable parallel safe as $$
begin
    if value is null then
        return state;
    end if;
    perform bounded.checked(
        'string_agg',
        coalesce(pg_catalog.octet_length(state), 0) + coalesce(pg_catalog.octet_length(delimiter), 0)
            + pg_catalog.octet_length(value),
        bounded.max_bytes() / 2);
    return case when state is null then value
        else state operator(pg_catalog.||) coalesce(delimiter, '') operator(pg_catalog.||) value end;
end $$;
create function bounded.array_agg_step(state anyarray, value anynonarray) returns anyarray
language plpgsql immutable parallel safe as $$
begin
    perform bounded.checked('array_agg', coalesce(pg_catalog.cardinality(state), 0) + 1, bounded.max_elements());
    state := pg_catalog.array_append(state, value);
    perform bounded.checked('array_agg', pg_catalog.pg_column_size(state), bounded.max_bytes());
    return state;
end $$;
create function bounded.array_agg_step(state anyarray, value anyarray) returns anyarray
language plpgsql immutable parallel safe as $$
begin
    raise feature_not_supported using message = 'array_agg gathers single values here, not arrays', hint = 'unnest first';
end $$;
create function bounded.jsonb_agg_step(state jsonb, value anyelement) returns jsonb
language plpgsql stable parallel safe as $$
begin
    state := coalesce(state, '[]'::jsonb);
    perform bounded.checked('jsonb_agg', pg_catalog.jsonb_array_length(state) + 1, bounded.max_elements());
    state := state operator(pg_catalog.||) pg_catalog.jsonb_build_array(value);
    perform bounded.checked('jsonb_agg', pg_catalog.pg_column_size(state), bounded.max_bytes() / 2);
    return state;
end $$;

create aggregate bounded.string_agg(text, text) (sfunc = bounded.string_agg_step, stype = text);
create aggregate bounded.array_agg(anynonarray) (sfunc = bounded.array_agg_step, stype = anyarray);
create aggregate bounded.array_agg(anyarray) (sfunc = bounded.array_agg_step, stype = anyarray);
create aggregate bounded.jsonb_agg(anyelement) (sfunc = bounded.jsonb_agg_step, stype = jsonb);

-- Counting. Long numerics take seconds to multiply, and PostgreSQL cannot be interrupted meanwhile.

create function bounded.numeric_mul(a numeric, b numeric) returns numeric
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked('*', greatest(pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b)), bounded.max_numeric());
    return a operator(pg_catalog.*) b;
end $$;
create function bounded.numeric_div(a numeric, b numeric) returns numeric
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked('/', greatest(pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b)), bounded.max_numeric());
    return a operator(pg_catalog./) b;
end $$;
create function bounded.numeric_mod(a numeric, b numeric) returns numeric
language plpgsql immutable strict parallel safe as $$
begin
    perform bounded.checked('%', greatest(pg_catalog.pg_column_size(a), pg_catalog.pg_column_size(b)), bounded.max_numeric());
    return a operator(pg_catalog.%) b;
end $$;
create function bounded.mod(a numeric, b numeric) returns numeric
language sql immutable strict parallel safe return bounded.numeric_mod(a, b);
create operator bounded.* (leftarg = numeric, rightarg = numeric, function = bounded.numeric_mul, commutator = operator(bounded.*));
create operator bounded./ (leftarg = numeric, rightarg = numeric, function = bounded.numeric_div);
create operator bounded.% (leftarg = numeric, rightarg = numeric, function = bounded.numeric_mod);

-- As floating point: exact to a hundred thousand digits is what nobody asks for.
create function bounded.power(a numeric, b numeric) returns double precision
language sql immutable strict parallel safe return pg_catalog.power(a::double precision, b::double precision);
create function bounded.exp(a numeric) returns double precision
language sql immutable strict parallel safe return pg_catalog.exp(a::double precision);
create function bounded.ln(a numeric) returns double precision
language sql immutable strict parallel safe return pg_catalog.ln(a::double precision);
create function bounded.log(a numeric) returns double precision
language sql immutable strict parallel safe return pg_catalog.log(a::double precision);
create function bounded.sqrt(a numeric) returns double precision
language sql immutable strict parallel safe return pg_catalog.sqrt(a::double precision);
create operator bounded.^ (leftarg = numeric, rightarg = numeric, function = bounded.power);
