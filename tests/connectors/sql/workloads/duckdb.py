"""Useful queries of DuckDB, with an empty line between two."""

QUERIES: tuple[str, ...] = tuple(
    query.strip()
    for query in r"""
SELECT Name FROM Artist ORDER BY ArtistId LIMIT 3

select * from Genre order by all;

FROM Genre ORDER BY GenreId

FROM Genre SELECT Name ORDER BY 1 LIMIT 2

SELECT count(*), count(DISTINCT AlbumId) FROM Track

SELECT DISTINCT Country FROM Customer ORDER BY 1

SELECT * EXCLUDE (Fax, Phone) FROM Customer ORDER BY CustomerId LIMIT 3

SELECT Name, Milliseconds / 60000.0 AS m, Milliseconds // 60000 FROM Track WHERE m BETWEEN 1 AND 2 ORDER BY 2, 1

SELECT * FROM Customer WHERE Email ILIKE '%@GMAIL.com' AND Company IS NULL ORDER BY LastName

SELECT al.Title, ar.Name FROM Album al JOIN Artist ar ON al.ArtistId = ar.ArtistId ORDER BY 1 LIMIT 20

SELECT Title, Name FROM Album JOIN Artist USING (ArtistId) ORDER BY Title LIMIT 5 OFFSET 10

SELECT * FROM Album NATURAL JOIN Artist ORDER BY AlbumId LIMIT 4

SELECT g.Name, count(*) AS n FROM Track t JOIN Genre g USING (GenreId) GROUP BY ALL HAVING n > 50 ORDER BY n
DESC

SELECT c.FirstName || ' ' || c.LastName AS Customer, sum(i.Total) AS Sales FROM Customer c JOIN Invoice i ON
i.CustomerId = c.CustomerId GROUP BY 1, c.CustomerId ORDER BY Sales DESC, 1 LIMIT 20

SELECT strftime(InvoiceDate, '%Y-%m') AS Month, round(sum(Total), 2) FROM Invoice GROUP BY Month ORDER BY Month

SELECT date_trunc('month', InvoiceDate) + INTERVAL 1 MONTH - INTERVAL '1 day' FROM Invoice ORDER BY ALL LIMIT 5

SELECT extract(year FROM InvoiceDate) AS y, month(InvoiceDate), sum(Total) FROM Invoice GROUP BY 1, 2 ORDER BY
1, 2

SELECT date_diff('day', DATE '2021-01-01', InvoiceDate::DATE), last_day(InvoiceDate) FROM Invoice ORDER BY 1
LIMIT 5

SELECT Name FROM Artist WHERE ArtistId NOT IN (SELECT ArtistId FROM Album) ORDER BY Name

SELECT Name FROM Artist a WHERE EXISTS (SELECT 1 FROM Album WHERE ArtistId = a.ArtistId) ORDER BY 1 LIMIT 5

SELECT Name, (SELECT count(*) FROM Album WHERE ArtistId = a.ArtistId) FROM Artist a ORDER BY 2 DESC, 1 LIMIT 5

SELECT CASE WHEN Total > 10 THEN 'big' ELSE 'small' END AS Size, count(*) FROM Invoice GROUP BY Size ORDER BY 1

SELECT BillingCountry, Total, rank() OVER (PARTITION BY BillingCountry ORDER BY Total DESC) AS r FROM Invoice
ORDER BY 1, 3, InvoiceId LIMIT 30

SELECT InvoiceId, sum(Total) OVER (ORDER BY InvoiceId ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM Invoice
ORDER BY 1

SELECT BillingCountry, Total FROM Invoice QUALIFY row_number() OVER (PARTITION BY BillingCountry ORDER BY Total
DESC, InvoiceId) = 1 ORDER BY 1

SELECT InvoiceId, lag(Total, 1, 0) OVER w, ntile(4) OVER w FROM Invoice WINDOW w AS (ORDER BY InvoiceId) ORDER
BY 1

WITH sales AS (SELECT CustomerId, sum(Total) AS s FROM Invoice GROUP BY 1) SELECT avg(s), max(s) FROM sales

WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT x, x * x FROM n

WITH a AS MATERIALIZED (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b

SELECT Country FROM Customer UNION SELECT BillingCountry FROM Invoice ORDER BY 1

SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b ORDER BY ALL

SELECT City FROM Customer INTERSECT SELECT City FROM Employee ORDER BY 1

SELECT City FROM Employee EXCEPT SELECT City FROM Customer ORDER BY 1

(SELECT Name FROM Genre ORDER BY 1 LIMIT 2) UNION ALL (SELECT Name FROM MediaType ORDER BY 1 LIMIT 2)

VALUES (1, 'one'), (2, 'two')

SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, t) ORDER BY n

SELECT json_object('id', ArtistId, 'name', Name) FROM Artist ORDER BY ArtistId LIMIT 3

SELECT '{"a": [1, {"b": 2}]}' -> '$.a[1].b', '{"a": "x"}' ->> 'a', json_extract_string('{"a": 1}', '$.a')

SELECT string_agg(Name, '; ' ORDER BY Name) FROM Playlist

SELECT list(Name ORDER BY Name) FROM Genre

SELECT list_transform([1, 2], lambda x: x + 1), list_filter([1, 2], lambda x: x > 1)

SELECT [1, 2, 3][1], {'a': 1, 'b': 'x'}, MAP {'k': 1}, struct_pack(a := 1), len([1, 2]), list_sum([1, 2])

SELECT upper(Name), length(Name), substr(Name, 1, 3), replace(Name, ' ', '_'), strpos(Name, 'a') FROM Genre
ORDER BY GenreId

SELECT substring('abcdef' FROM 2 FOR 3), trim(BOTH 'x' FROM 'xax'), position('b' IN 'abc'), left('abc', 2),
split_part('a-b', '-', 2), regexp_extract('a12', '[0-9]+'), regexp_replace('a1', '[0-9]', '#', 'g')

SELECT coalesce(Composer, 'unknown'), nullif(Bytes, 0), ifnull(AlbumId, -1), if(UnitPrice > 1, 'y', 'n') FROM
Track ORDER BY TrackId LIMIT 7

SELECT Total::INTEGER, Total::VARCHAR, CAST(Total AS DOUBLE), TRY_CAST('x' AS INTEGER), round(Total) FROM
Invoice ORDER BY InvoiceId LIMIT 4

SELECT count(*) FILTER (WHERE Total > 5), min(Total), arg_max(InvoiceId, Total), median(Total) FROM Invoice

SELECT quantile_cont(Total, 0.5), mode(BillingCountry), stddev(Total), approx_count_distinct(Total) > 0 FROM
Invoice

SELECT a.LastName, b.LastName FROM Employee a LEFT JOIN Employee b ON a.ReportsTo = b.EmployeeId ORDER BY 1, 2

SELECT count(*) FROM Artist a, Genre b, MediaType c WHERE a.ArtistId < 5

SELECT Name FROM Track WHERE (AlbumId, GenreId) IN (VALUES (1, 1), (2, 1)) ORDER BY 1

SELECT * FROM Track WHERE TrackId IN (1, 2, 3) OR Composer IS NOT NULL AND NOT Milliseconds > 100000 ORDER BY 1
LIMIT 5

SELECT 1 + 2 * 3 - 4 / 2 % 3, 7 & 3 | 8, 1 << 4, ~5, -3, 2 ** 10, 2 ^ 3, 1e3, NULL, TRUE, 7 // 2, 5 / 2

SELECT InvoiceId FROM Invoice ORDER BY BillingState NULLS LAST, InvoiceId DESC LIMIT 10

/* sales */ SELECT sum(Quantity * UnitPrice) -- of all
FROM InvoiceLine

SELECT DISTINCT ON (BillingCountry) BillingCountry, Total FROM Invoice ORDER BY BillingCountry, Total DESC,
InvoiceId

SELECT i FROM range(1, 10, 2) t(i)

SELECT * FROM generate_series(1, 3) AS g(n), unnest(['a', 'b']) AS u(x) ORDER BY ALL

SELECT unnest([1, 2]), unnest({'a': 1})

SELECT a.Name, t.n FROM Artist a, LATERAL (SELECT count(*) AS n FROM Album b WHERE b.ArtistId = a.ArtistId) t
ORDER BY 2 DESC, 1 LIMIT 3

SELECT Country, City, count(*) FROM Customer GROUP BY ROLLUP (Country, City) ORDER BY ALL LIMIT 20

SELECT Country, grouping(Country), count(*) FROM Customer GROUP BY GROUPING SETS ((Country), ()) ORDER BY ALL

SELECT Name FROM Artist a SEMI JOIN Album b ON a.ArtistId = b.ArtistId ORDER BY 1 LIMIT 3

SELECT Name FROM Artist a ANTI JOIN Album b USING (ArtistId) ORDER BY 1 LIMIT 3

SELECT max(Name) FROM main.Artist

SELECT main.Artist.Name FROM main.Artist WHERE Artist.ArtistId = 1

SELECT 1 IS DISTINCT FROM NULL, 'abc' SIMILAR TO 'a.c', 'abc' GLOB 'a*', 'abc' ~ 'a.c', 3 NOT BETWEEN 1 AND 2

SELECT epoch(TIMESTAMP '2024-01-01'), strptime('2024-01-02', '%Y-%m-%d'), make_date(2024, 2, 29), dayname(DATE
'2024-02-29'), date_part('week', DATE '2024-03-01'), last_day(DATE '2023-01-15')
""".split("\n\n")
)
