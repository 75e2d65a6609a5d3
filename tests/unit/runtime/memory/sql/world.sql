-- Three owners with the same kinds of things: everybody's (''), Ann's and Bob's. What is Bob's says BOBSECRET wherever a text
-- can stand, and has a metadata.x that is no number; a deleted thing says GONE.
create temporary table owners (owner text, mark text, x text);
insert into owners values ('', 'common', '1'), ('ann', 'anns', '2'), ('bob', 'BOBSECRET', 'BOBSECRET');

insert into node (owner, kind, type, key, label, data, metadata, tags, starts_at, ends_at, fuzzy_text, created_at)
select o.owner, 'resource', null, o.mark || '-report-' || i, o.mark || ' report ' || i,
    jsonb_build_object('uri', o.mark || '/report-' || i || '.md', 'media_type', 'text/markdown', 'related_entities', jsonb_build_array(o.mark || ' project ' || i % 4)),
    jsonb_build_object('x', o.x, 'pages', i, 'team', (array['red', 'green', 'blue'])[i % 3 + 1]),
    array['report', (array['draft', 'final'])[i % 2 + 1], o.mark], timestamptz '2026-01-05' + i * interval '9 days', null, o.mark,
    timestamptz '2026-01-06' + i * interval '9 days'
from owners o, generate_series(1, 30) i;

insert into node (owner, kind, type, key, label, data, metadata, tags, fuzzy_text)
select o.owner, 'entity', 'person', o.mark || '-person-' || i, o.mark || ' person ' || i,
    jsonb_build_object('description', 'Works in ' || o.mark, 'properties', jsonb_build_object('age', 20 + i, 'city', (array['Oslo', 'Lima'])[i % 2 + 1])),
    jsonb_build_object('x', o.x), array['staff'], o.mark
from owners o, generate_series(1, 10) i
union all
select o.owner, 'entity', 'project', o.mark || '-project-' || i, o.mark || ' project ' || i,
    jsonb_build_object('description', 'A project of ' || o.mark), jsonb_build_object('x', o.x, 'budget', i * 1000), '{}', o.mark
from owners o, generate_series(0, 3) i;

insert into node (owner, kind, type, key, label, data, metadata, tags, starts_at, ends_at, fuzzy_text)
select o.owner, 'moment', 'meeting', o.mark || '-moment-' || i, o.mark || ' moment ' || i,
    jsonb_build_object('summary', 'We met about ' || o.mark, 'topic_tags', jsonb_build_array('budget', 'topic ' || i % 3),
        'speakers', jsonb_build_array(o.mark || ' person ' || i % 5 + 1)),
    jsonb_build_object('x', o.x), '{}', timestamptz '2026-03-01 09:00' + i * interval '1 day',
    timestamptz '2026-03-01 09:00' + i * interval '1 day' + i * interval '7 minutes', o.mark
from owners o, generate_series(1, 12) i;

insert into node (owner, kind, key, label, data, metadata, fuzzy_text)
select o.owner, 'user', o.mark || '-user', o.mark || ' user',
    jsonb_build_object('email', o.mark || '@example.com', 'interests', jsonb_build_array('tea', o.mark)), jsonb_build_object('x', o.x), o.mark
from owners o;

insert into node (owner, kind, key, label, data, metadata, fuzzy_text)
select o.owner, 'file', o.mark || '-file-' || i, o.mark || ' file ' || i,
    jsonb_build_object('uri', o.mark || '/file-' || i || '.pdf', 'size_bytes', i * 1000, 'media_type', 'application/pdf',
        'state', (array['stored', 'failed', 'stored'])[i], 'reason', o.mark), jsonb_build_object('x', o.x), o.mark
from owners o, generate_series(1, 3) i;

insert into node (owner, kind, key, label, fuzzy_text, metadata, deleted_at)
select o.owner, 'resource', o.mark || '-gone', 'GONE ' || o.mark, 'gone', jsonb_build_object('x', 'GONE'), now() from owners o;

insert into name (key, owner, kind, node_id, canonical)
select key, owner, kind, id, true from node where deleted_at is null;

-- Everybody's people work on everybody's projects, each owner's on their own; Bob has an edge on a shared node as well.
insert into edge (src, rel, dst_key, dst_label, weight, properties, owner)
select p.id, 'works_on', q.key, q.label, (p.ord % 10) / 10.0, jsonb_build_object('since', 2020 + p.ord % 5, 'note', p.fuzzy_text), p.owner
from (select n.*, row_number() over (order by label) as ord from node n where type = 'person') p
join node q on q.type = 'project' and q.owner = p.owner and q.label like '% ' || p.ord % 4;
insert into edge (src, rel, dst_key, dst_label, weight, properties, owner)
select id, 'knows', 'bobsecret-person-1', 'BOBSECRET person 1', 0.9, '{"note": "BOBSECRET"}', 'bob' from node where label = 'common person 1';
insert into edge (src, rel, dst_key, dst_label, weight, owner, closed_at)
select id, 'knew', 'gone', 'GONE', 0.9, '', now() from node where label = 'common person 2';

insert into session (id, owner, name, agent, metadata) select uuidv7(), owner, mark || ' talk', mark, jsonb_build_object('x', x) from owners;
insert into session (owner, name, deleted_at) values ('ann', 'GONE', now());
insert into message (session_id, role, content, owner, metadata, created_at)
select s.id, (array['user', 'assistant'])[i % 2 + 1], 'Message ' || i || ' of ' || o.mark || ' about tea', o.owner, jsonb_build_object('x', o.x),
    timestamptz '2026-04-01' + i * interval '5 hours'
from owners o join session s on s.owner = o.owner and s.deleted_at is null, generate_series(1, 20) i;
insert into message (session_id, role, content, owner) select id, 'user', 'GONE with its session', 'ann' from session where name = 'GONE';

insert into chunk (node_id, ord, heading, text, at, owner, kind)
select n.id, i, n.label, 'Part ' || i || ' of ' || n.label || ', by ' || n.fuzzy_text, n.created_at, n.owner, n.kind
from node n, generate_series(0, 2) i where n.kind = 'resource' and n.deleted_at is null;
insert into chunk (message_id, ord, heading, text, at, owner, kind)
select m.id, 0, m.role, m.content, m.created_at, m.owner, 'message' from message m;
drop table owners;
analyze;
