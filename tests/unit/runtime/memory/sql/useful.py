"""What people and agents ask of their memory in SQL: all of it must work. (name, statement, what the first row holds)."""

# ruff: noqa: E501 - statements stand as they are sent

from __future__ import annotations

from typing import Any

USEFUL: list[tuple[str, str, dict[str, Any]]] = [
    ("count everything", "select count(*) as n from resources", {"n": 60}),
    (
        "the newest documents",
        "SELECT label, uri, created_at FROM resources ORDER BY created_at DESC, label LIMIT 5",
        {"label": "anns report 30"},
    ),
    (
        "documents per month",
        "select date_trunc('month', timestamp) as month, count(*) from resources group by 1 order by 1",
        {"month": "2026-01-01T00:00:00+00:00", "count": 4},
    ),
    (
        "a month as people write it",
        "select to_char(r.timestamp, 'YYYY-MM') as month, count(*) as documents from resources r group by to_char(r.timestamp, 'YYYY-MM') having count(*) > 2 order by month",
        {"month": "2026-01", "documents": 4},
    ),
    (
        "how many of each tag",
        "select tag, count(*) from resources, unnest(tags) as tag group by tag order by 2 desc, 1",
        {"tag": "report", "count": 60},
    ),
    ("any of two tags", "select count(*) from resources where tags && array['final', 'nothing']", {"count": 30}),
    ("one tag", "select count(*) from resources where 'draft' = any(tags) and cardinality(tags) = 3", {"count": 30}),
    (
        "in jsonb, by key",
        "select metadata->>'team' as team, avg((metadata->>'pages')::int) as pages from resources group by 1 order by 1",
        {"team": "blue", "pages": 15.5},
    ),
    (
        "in jsonb, by containment",
        """select count(*) from resources where metadata @> '{"team": "red"}' and metadata ? 'pages'""",
        {"count": 20},
    ),
    (
        "who works on what",
        "select e.src, e.rel, p.label as project, e.weight from edges e join entities p on p.key = e.dst_key where e.rel = 'works_on' and e.src_kind = 'entity' order by e.weight desc, e.src limit 3",
        {"rel": "works_on", "weight": 0.9},
    ),
    (
        "edges, resolved",
        "select a.label as person, b.label as project, (x.properties->>'since')::int as since from entities a join edges x on x.src_id = a.id join entities b on b.id = x.dst_id where a.type = 'person' order by since, person",
        {"since": 2020},
    ),
    (
        "two hops",
        """select distinct a.src as one, b.src as other from edges a join edges b on b.dst_key = a.dst_key and b.src_id <> a.src_id
           where a.rel = 'works_on' and b.rel = 'works_on' and a.src < b.src order by 1, 2""",
        {"one": "anns person 1"},
    ),
    (
        "the strongest of each",
        "select distinct on (dst) dst, src, weight from edges order by dst, weight desc, src",
        {"dst": "anns project 0"},
    ),
    (
        "a rank within a group",
        "select label, team, place from (select label, metadata->>'team' as team, row_number() over (partition by metadata->>'team' order by (metadata->>'pages')::int desc, label) as place from resources) ranked where place <= 2 order by team, place",
        {"team": "blue", "place": 1},
    ),
    (
        "a CTE",
        "with busy as (select src_id, count(*) as n from edges group by src_id), named as (select p.label, b.n from busy b join entities p on p.id = b.src_id) select label, n from named where n >= 1 order by n desc, label limit 1",
        {"label": "anns person 1", "n": 1},
    ),
    (
        "two kinds in one list",
        "select 'document' as kind, label from resources where label like '%report 1' union all select 'file', label from files where state = 'failed' order by kind, label",
        {"kind": "document", "label": "anns report 1"},
    ),
    (
        "which are not there",
        "select count(*) from entities p where p.type = 'project' and not exists (select 1 from edges e where e.dst_key = p.key)",
        {},
    ),
    (
        "except",
        "select dst_key from edges except select key from entities where type = 'person' order by 1 limit 1",
        {"dst_key": "anns-project-0"},
    ),
    (
        "the last week's messages",
        "select role, count(*) from messages where created_at >= timestamptz '2026-04-05' - interval '7 days' group by role order by role",
        {"role": "assistant", "count": 20},
    ),
    (
        "messages with their session",
        "select s.name, count(m.id) as messages, max(m.created_at) as latest from sessions s left join messages m on m.session_id = s.id group by s.id, s.name order by messages desc, s.name",
        {"name": "anns talk", "messages": 20},
    ),
    (
        "how long between messages",
        "select max(gap) as longest from (select created_at - lag(created_at) over (partition by session_id order by id) as gap from messages) g",
        {"longest": "PT5H"},
    ),
    (
        "text that says something",
        "select label, left(text, 20) as beginning from passages where text ilike '%part 2 of anns%' order by label, ord limit 2",
        {"label": "anns report 1"},
    ),
    (
        "the whole text of a document",
        "select string_agg(text, '' order by ord) as text from passages where label = 'anns report 3'",
        {"text": "Part 0 of anns report 3, by annsPart 1 of anns report 3, by annsPart 2 of anns report 3, by anns"},
    ),
    (
        "words that look alike",
        "select label, round(similarity(label, 'anns projet')::numeric, 2) as alike from entities where label % 'anns projet' order by alike desc, label limit 3",
        {"label": "anns project 0"},
    ),
    ("by pattern", r"select count(*) from resources where label ~* '^(anns|common) report \d$'", {"count": 18}),
    (
        "how long meetings take",
        "select type, sum(ends_at - starts_at) as total, round(avg(extract(epoch from ends_at - starts_at)) / 60, 1) as minutes from moments group by type",
        {"type": "meeting", "minutes": 45.5},
    ),
    (
        "who spoke most",
        "select speaker, count(*) from moments m cross join lateral unnest(m.speakers) as s(speaker) group by speaker order by count(*) desc, speaker limit 3",
        {"speaker": "anns person 2", "count": 3},
    ),
    (
        "cases",
        "select case when size_bytes > 1500 then 'large' else 'small' end as size, count(*), coalesce(string_agg(label, ', ' order by label), '') as files from files group by 1 order by 1",
        {"size": "large", "count": 4},
    ),
    (
        "share of all",
        "select state, count(*) as n, round(100.0 * count(*) / sum(count(*)) over (), 1) as percent from files group by state order by n desc",
        {"state": "stored", "n": 4, "percent": 66.7},
    ),
    (
        "in the median",
        "select percentile_cont(0.5) within group (order by (properties->>'age')::int) as median from entities where type = 'person' and properties ? 'age'",
        {"median": 25.5},
    ),
    (
        "with a filter",
        "select count(*) filter (where type = 'person') as people, count(*) filter (where type = 'project') as projects from entities",
        {"people": 20, "projects": 8},
    ),
    (
        "as JSON",
        "select type, jsonb_agg(jsonb_build_object('label', label, 'age', properties->'age') order by label) as them from entities where type = 'person' group by type",
        {"type": "person"},
    ),
    ("a whole row", "select to_jsonb(s) as session from sessions s order by name limit 1", {}),
    (
        "what is in jsonb",
        "select m.key, count(*) from resources, jsonb_each_text(metadata) as m group by m.key order by m.key",
        {"key": "pages", "count": 60},
    ),
    (
        "values of its own",
        "select team, lead from (values ('red', 'Ann'), ('blue', 'Bo')) as teams(team, lead) order by team",
        {"team": "blue", "lead": "Bo"},
    ),
    (
        "arrays gathered",
        "select rel, array_agg(distinct src_kind) as kinds, (array_agg(src order by src))[1] as first from edges group by rel order by rel",
        {"rel": "works_on", "kinds": ["entity"], "first": "anns person 1"},
    ),
    (
        "today",
        "select count(*) from resources where created_at < now() and timestamp::date <= current_date + 1000 and extract(year from timestamp) = 2026",
        {"count": 60},
    ),
    (
        "in a list, between, null",
        "select label from users where user_id is null and label in ('common user', 'x') and length(label) between 5 and 50 and email is distinct from ''",
        {"label": "common user"},
    ),
    (
        "text put together",
        "select upper(left(label, 1)) || substring(label from 2) || ' (' || coalesce(type, '?') || ', ' || version || ')' as title from entities order by label limit 1",
        {"title": "Anns person 1 (person, 1)"},
    ),
    (
        "running total",
        "select month, n, sum(n) over (order by month) as total from (select date_trunc('month', timestamp)::date as month, count(*) as n from resources group by 1) m order by month limit 2",
        {"month": "2026-01-01", "n": 4, "total": 4},
    ),
]
