"""Useful queries of PostgreSQL, with an empty line between two."""

QUERIES: tuple[str, ...] = tuple(
    query.strip()
    for query in r"""
SELECT "Name" FROM "Artist" ORDER BY "ArtistId" LIMIT 3

select * from "Genre";

SELECT count(*) FROM "Track"

SELECT DISTINCT "Country" FROM "Customer" ORDER BY 1

SELECT "Name", "Milliseconds" / 60000.0 AS minutes FROM "Track" WHERE "Milliseconds" BETWEEN 1000 AND 200000
ORDER BY 2, 1 LIMIT 9

SELECT * FROM "Customer" WHERE "Email" ILIKE '%@GMAIL.com' AND "Company" IS NULL ORDER BY "LastName" COLLATE "C"

SELECT al."Title", ar."Name" FROM "Album" al JOIN "Artist" ar ON al."ArtistId" = ar."ArtistId" ORDER BY 1 LIMIT
20

SELECT "Title", "Name" FROM "Album" JOIN "Artist" USING ("ArtistId") ORDER BY "Title" LIMIT 5 OFFSET 10

SELECT * FROM "Album" NATURAL JOIN "Artist" ORDER BY "AlbumId" LIMIT 4

SELECT g."Name", count(*) AS n FROM "Track" t JOIN "Genre" g USING ("GenreId") GROUP BY 1 HAVING count(*) > 50
ORDER BY n DESC

SELECT c."FirstName" || ' ' || c."LastName" AS customer, sum(i."Total") AS sales FROM "Customer" c JOIN
"Invoice" i ON i."CustomerId" = c."CustomerId" GROUP BY c."CustomerId" ORDER BY sales DESC, 1 LIMIT 20

SELECT to_char("InvoiceDate", 'YYYY-MM') AS month, round(sum("Total"), 2) FROM "Invoice" GROUP BY month ORDER BY
month

SELECT date_trunc('month', "InvoiceDate")::date + interval '1 month' - interval '1 day' FROM "Invoice" ORDER BY
"InvoiceId" LIMIT 5

SELECT extract(year FROM "InvoiceDate") AS y, extract(dow FROM "InvoiceDate"), sum("Total") FROM "Invoice" GROUP
BY 1, 2 ORDER BY 1, 2

SELECT "Name" FROM "Artist" WHERE "ArtistId" NOT IN (SELECT "ArtistId" FROM "Album") ORDER BY "Name"

SELECT "Name" FROM "Artist" a WHERE EXISTS (SELECT 1 FROM "Album" WHERE "ArtistId" = a."ArtistId") ORDER BY 1
LIMIT 5

SELECT "Name", (SELECT count(*) FROM "Album" WHERE "ArtistId" = a."ArtistId") FROM "Artist" a ORDER BY 2 DESC, 1
LIMIT 5

SELECT CASE WHEN "Total" > 10 THEN 'big' WHEN "Total" > 5 THEN 'middle' ELSE 'small' END AS size, count(*) FROM
"Invoice" GROUP BY size ORDER BY 1

SELECT "BillingCountry", "Total", rank() OVER (PARTITION BY "BillingCountry" ORDER BY "Total" DESC) AS r FROM
"Invoice" ORDER BY 1, 3, "InvoiceId" LIMIT 30

SELECT "InvoiceId", sum("Total") OVER (ORDER BY "InvoiceId" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM
"Invoice" ORDER BY 1

SELECT "InvoiceId", lag("Total", 1, 0.0) OVER w, ntile(4) OVER w FROM "Invoice" WINDOW w AS (ORDER BY
"InvoiceId") ORDER BY 1 LIMIT 9

WITH sales AS (SELECT "CustomerId", sum("Total") AS s FROM "Invoice" GROUP BY 1) SELECT avg(s), max(s) FROM
sales

WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT x, x * x FROM n

WITH RECURSIVE boss(id, path) AS (SELECT "EmployeeId", "LastName"::text FROM "Employee" WHERE "ReportsTo" IS
NULL UNION ALL SELECT e."EmployeeId", b.path || '/' || e."LastName" FROM "Employee" e JOIN boss b ON
e."ReportsTo" = b.id) SELECT * FROM boss ORDER BY path

SELECT "Country" FROM "Customer" UNION SELECT "BillingCountry" FROM "Invoice" ORDER BY 1

SELECT "City" FROM "Customer" INTERSECT SELECT "City" FROM "Employee" ORDER BY 1

SELECT "City" FROM "Employee" EXCEPT ALL SELECT "City" FROM "Customer" ORDER BY 1

(SELECT "Name" FROM "Genre" ORDER BY 1 LIMIT 2) UNION ALL (SELECT "Name" FROM "MediaType" ORDER BY 1 LIMIT 2)

VALUES (1, 'one'), (2, 'two')

SELECT json_build_object('id', "ArtistId", 'name', "Name")::text FROM "Artist" ORDER BY "ArtistId" LIMIT 3

SELECT json_agg("Name" ORDER BY "Name")::text FROM "Genre"

SELECT value ->> 'a' FROM json_array_elements('[{"a": 1}, {"a": 2}]')

SELECT key, value FROM jsonb_each_text('{"a": 1, "b": "x"}')

SELECT '{"a": {"b": [1, 2]}}'::jsonb #>> '{a,b,1}', '{"a": 1}'::jsonb @> '{}', '{"a": 1}'::jsonb ? 'a'

SELECT jsonb_path_query_array('[1, 2, 3]', '$[*] ? (@ > 1)')::text, jsonb_typeof('[]'), '[1,2]'::jsonb -> -1

SELECT row_to_json(g)::text FROM (SELECT "GenreId", "Name" FROM "Genre" ORDER BY 1 LIMIT 2) g

SELECT string_agg("Name", '; ' ORDER BY "Name") FROM "Playlist"

SELECT upper("Name"), length("Name"), substr("Name", 1, 3), replace("Name", ' ', '_'), strpos("Name", 'a') FROM
"Genre" ORDER BY "GenreId"

SELECT substring('abcdef' from 2 for 3), substring('abc' from 2), trim(both 'x' from 'xax'), position('b' in
'abc'), overlay('abcdef' placing 'X' from 2 for 3), btrim(' a '), left('abc', 2), right('abc', -1)

SELECT coalesce("Composer", 'unknown'), nullif("Bytes", 0), greatest(1, "AlbumId"), least(1, "AlbumId") FROM
"Track" ORDER BY "TrackId" LIMIT 7

SELECT "Total"::int, "Total"::text, CAST("Total" AS double precision), round("Total"), trunc("Total", 1) FROM
"Invoice" ORDER BY "InvoiceId" LIMIT 4

SELECT count(*) FILTER (WHERE "Total" > 5), min("Total"), max("InvoiceDate") FROM "Invoice"

SELECT a."LastName", b."LastName" FROM "Employee" a LEFT JOIN "Employee" b ON a."ReportsTo" = b."EmployeeId"
ORDER BY 1, 2

SELECT count(*) FROM "Artist" a, "Genre" b, "MediaType" c WHERE a."ArtistId" < 5

SELECT "Name" FROM "Track" WHERE ("AlbumId", "GenreId") IN (VALUES (1, 1), (2, 1)) ORDER BY 1

SELECT * FROM "Track" WHERE "TrackId" IN (1, 2, 3) OR "Composer" IS NOT NULL AND NOT "Milliseconds" > 100000
ORDER BY "TrackId" LIMIT 5

SELECT 1 + 2 * 3 - 4 / 2 % 3, 7 & 3 | 8, 1 << 4, ~5, -3, 2 ^ 10, 1e3, NULL, TRUE, 7 # 2, |/ 16, 5 / 2, 5 / 2.0

SELECT "InvoiceId" FROM "Invoice" ORDER BY "BillingState" NULLS FIRST, "InvoiceId" DESC LIMIT 10

/* sales */ SELECT sum("Quantity" * "UnitPrice") -- of all
FROM "InvoiceLine"

SELECT DISTINCT ON ("BillingCountry") "BillingCountry", "Total" FROM "Invoice" ORDER BY 1, 2 DESC, "InvoiceId"

SELECT n, sum(n) OVER (ORDER BY n) FROM generate_series(1, 10, 2) AS n

SELECT d::date FROM generate_series(timestamp '2024-01-30', '2024-03-01', interval '1 day') d WHERE extract(day
from d) = 1

SELECT a, n FROM unnest(ARRAY['x', 'y']) WITH ORDINALITY AS u(a, n)

SELECT ARRAY[1, 2, 3] && ARRAY[3], 2 = ANY(ARRAY[1, 2]), (ARRAY[1, 2, 3])[2], array_length(ARRAY[1, 2], 1),
'{a,b}'::text[] || ARRAY['c'], (ARRAY[1, 2, 3])[2:3], array(SELECT 1)

SELECT a."Name", t.n FROM "Artist" a CROSS JOIN LATERAL (SELECT count(*) AS n FROM "Album" b WHERE b."ArtistId"
= a."ArtistId") t ORDER BY 2 DESC, 1 LIMIT 3

SELECT "Country", "City", count(*) FROM "Customer" GROUP BY ROLLUP ("Country", "City") ORDER BY 1, 2 LIMIT 20

SELECT "Country", grouping("Country"), count(*) FROM "Customer" GROUP BY GROUPING SETS (("Country"), ()) ORDER
BY 1

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY "Total"), mode() WITHIN GROUP (ORDER BY "Total") FROM
"Invoice"

SELECT "Name" FROM "Track" WHERE to_tsvector('english', "Name") @@ to_tsquery('english', 'love & !hate') ORDER
BY 1 LIMIT 5

SELECT "Name" FROM "Track" WHERE "Name" ~* '^love' AND "Name" !~ 'x' AND "Name" SIMILAR TO '%e%' ORDER BY 1

SELECT regexp_replace('a1b22', '[0-9]+', '#', 'g'), regexp_split_to_array('a,b', ','), split_part('a-b', '-', 2)

SELECT age(timestamp '2024-03-01', timestamp '2023-01-15')::text, timestamp '2024-01-01' AT TIME ZONE 'UTC',
make_date(2024, 2, 29), interval '1 year 2 months'::text, date '2024-01-31' + 1, justify_hours(interval '30
hours')

SELECT "Total" FROM "Invoice" ORDER BY "Total" DESC FETCH FIRST 3 ROWS WITH TIES

SELECT "Name" FROM "Genre" ORDER BY 1 OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY

SELECT max("Name") FROM public."Artist"

SELECT public."Artist"."Name" FROM public."Artist" WHERE "Artist"."ArtistId" = 1

SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, TRUE IS NOT TRUE, NULL IS UNKNOWN, 2 BETWEEN
SYMMETRIC 3 AND 1

SELECT "CustomerId", every("Total" > 1), bool_or("Total" > 10), array_agg("Total" ORDER BY "InvoiceId") FROM
"Invoice" GROUP BY 1 ORDER BY 1 LIMIT 3

SELECT u.a, u.b FROM "Genre" AS u(a, b) ORDER BY u.a LIMIT 2

SELECT g FROM "Genre" g ORDER BY "GenreId" LIMIT 1

WITH a(x) AS (VALUES (1), (2)), b AS MATERIALIZED (SELECT x * 2 AS y FROM a) SELECT * FROM a, b ORDER BY 1, 2

SELECT format('%s has %s', "Name", "GenreId"), md5("Name"), encode(sha256('a'), 'hex') FROM "Genre" ORDER BY
"GenreId" LIMIT 2

SELECT EXTRACT(EPOCH FROM timestamp '2024-01-01'), date_part('hour', timestamp '2024-01-01 10:00'),
to_date('2024-01-02', 'YYYY-MM-DD'), '2024-01-01'::timestamptz, to_timestamp(0)

SELECT corr("Milliseconds", "Bytes"), stddev("Milliseconds"), percent_rank() OVER (ORDER BY count(*)) FROM
"Track"
""".split("\n\n")
)
