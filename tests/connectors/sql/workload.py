"""Useful queries over Chinook that must pass and return what the bare driver returns."""

QUERIES: tuple[str, ...] = (
    "SELECT Name FROM Artist ORDER BY ArtistId LIMIT 3",
    "select * from Genre;",
    "SELECT count(*) FROM Track",
    "SELECT DISTINCT Country FROM Customer ORDER BY 1",
    "SELECT Name, Milliseconds / 60000.0 AS Minutes FROM Track WHERE Milliseconds BETWEEN 1000 AND 200000 LIMIT 9",
    "SELECT * FROM Customer WHERE Email LIKE '%@gmail.com' AND Company IS NULL ORDER BY LastName COLLATE NOCASE",
    "SELECT al.Title, ar.Name FROM Album al JOIN Artist ar ON al.ArtistId = ar.ArtistId ORDER BY 1 LIMIT 20",
    "SELECT Title, Name FROM Album JOIN Artist USING (ArtistId) ORDER BY Title LIMIT 5 OFFSET 10",
    "SELECT * FROM Album NATURAL JOIN Artist LIMIT 4",
    "SELECT g.Name, count(*) AS n FROM Track t JOIN Genre g USING (GenreId) GROUP BY 1 HAVING n > 50 ORDER BY n DESC",
    (
        "SELECT c.FirstName || ' ' || c.LastName AS Customer, sum(i.Total) AS Sales FROM Customer c "
        "JOIN Invoice i ON i.CustomerId = c.CustomerId GROUP BY c.CustomerId ORDER BY Sales DESC, 1 LIMIT 20"
    ),
    "SELECT strftime('%Y-%m', InvoiceDate) AS Month, round(sum(Total), 2) FROM Invoice GROUP BY Month ORDER BY Month",
    "SELECT date(InvoiceDate, 'start of month', '+1 month', '-1 day'), julianday(InvoiceDate) FROM Invoice LIMIT 5",
    "SELECT Name FROM Artist WHERE ArtistId NOT IN (SELECT ArtistId FROM Album) ORDER BY Name",
    "SELECT Name FROM Artist a WHERE EXISTS (SELECT 1 FROM Album WHERE ArtistId = a.ArtistId) LIMIT 5",
    "SELECT Name, (SELECT count(*) FROM Album WHERE ArtistId = a.ArtistId) FROM Artist a ORDER BY 2 DESC, 1 LIMIT 5",
    (
        "SELECT CASE WHEN Total > 10 THEN 'big' WHEN Total > 5 THEN 'middle' ELSE 'small' END AS Size, count(*) "
        "FROM Invoice GROUP BY Size"
    ),
    (
        "SELECT BillingCountry, Total, rank() OVER (PARTITION BY BillingCountry ORDER BY Total DESC) AS r FROM Invoice "
        "ORDER BY 1, 3, InvoiceId LIMIT 30"
    ),
    "SELECT InvoiceId, sum(Total) OVER (ORDER BY InvoiceId ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM Invoice",
    "SELECT InvoiceId, lag(Total, 1, 0) OVER w, ntile(4) OVER w FROM Invoice WINDOW w AS (ORDER BY InvoiceId) LIMIT 9",
    "WITH sales AS (SELECT CustomerId, sum(Total) AS s FROM Invoice GROUP BY 1) SELECT avg(s), max(s) FROM sales",
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT x, x * x FROM n",
    (
        "WITH RECURSIVE boss(EmployeeId, Path) AS (SELECT EmployeeId, LastName FROM Employee WHERE ReportsTo IS NULL "
        "UNION ALL SELECT e.EmployeeId, b.Path || '/' || e.LastName FROM Employee e JOIN boss b "
        "ON e.ReportsTo = b.EmployeeId) SELECT * FROM boss ORDER BY Path"
    ),
    "SELECT Country FROM Customer UNION SELECT BillingCountry FROM Invoice ORDER BY 1",
    "SELECT City FROM Customer INTERSECT SELECT City FROM Employee",
    "SELECT City FROM Employee EXCEPT SELECT City FROM Customer",
    "VALUES (1, 'one'), (2, 'two')",
    "SELECT json_object('id', ArtistId, 'name', Name) FROM Artist LIMIT 3",
    "SELECT json_group_array(Name) FROM Genre",
    "SELECT value ->> '$.a' FROM json_each('[{\"a\": 1}, {\"a\": 2}]')",
    "SELECT key, value, type FROM json_tree('{\"a\": [1, 2.5, null, true]}')",
    "SELECT group_concat(Name, '; ') FROM (SELECT Name FROM Playlist ORDER BY Name)",
    "SELECT upper(Name), length(Name), substr(Name, 1, 3), replace(Name, ' ', '_'), instr(Name, 'a') FROM Genre",
    (
        "SELECT coalesce(Composer, 'unknown'), nullif(Bytes, 0), ifnull(AlbumId, -1), iif(UnitPrice > 1, 'y', 'n') "
        "FROM Track LIMIT 7"
    ),
    "SELECT printf('%08.3f', Total), typeof(Total), CAST(Total AS INTEGER), round(Total) FROM Invoice LIMIT 4",
    "SELECT count(*) FILTER (WHERE Total > 5), total(Total), min(Total), max(InvoiceDate) FROM Invoice",
    'SELECT "Name" AS [the name], `GenreId` FROM "Genre" LIMIT 2',
    "SELECT a.LastName, b.LastName FROM Employee a LEFT JOIN Employee b ON a.ReportsTo = b.EmployeeId ORDER BY 1",
    "SELECT count(*) FROM Artist a, Genre b, MediaType c WHERE a.ArtistId < 5",
    "SELECT Name FROM Track WHERE Name GLOB 'A*' AND (AlbumId, GenreId) IN (VALUES (1, 1), (2, 1))",
    "SELECT * FROM Track WHERE TrackId IN (1, 2, 3) OR Composer IS NOT NULL AND NOT Milliseconds > 100000 LIMIT 5",
    "SELECT 1 + 2 * 3 - 4 / 2 % 3, 7 & 3 | 8, 1 << 4, ~5, -3, x'00ff', 1e3, 0x1F, NULL, TRUE",
    "SELECT InvoiceId FROM Invoice ORDER BY BillingState NULLS LAST, InvoiceId DESC LIMIT 10",
    "/* sales */ SELECT sum(Quantity * UnitPrice) -- of all\nFROM InvoiceLine",
    "SELECT count(*) FROM (SELECT DISTINCT BillingCity, BillingCountry FROM Invoice)",
    "SELECT abs(-3), sign(-2), sqrt(16), pow(2, 10), floor(2.7), ceil(2.1), ln(1), pi() > 3",
    "SELECT datetime(0, 'unixepoch'), strftime('%w', '2024-02-29'), unixepoch('1970-01-02')",
    "SELECT t.* FROM Track t CROSS JOIN Genre g ON t.GenreId = g.GenreId WHERE g.Name = 'Opera'",
    "SELECT percent_rank() OVER (ORDER BY Total), first_value(InvoiceId) OVER (ORDER BY Total) FROM Invoice LIMIT 3",
    "SELECT max(Name) FROM main.Artist",
    "SELECT Name FROM Track INDEXED BY IFK_TrackAlbumId WHERE AlbumId = 3",
    "SELECT Name FROM Track NOT INDEXED WHERE AlbumId = 3",
    "SELECT '[1,2]' ->> '$[#-1]', json_extract('{\"a\": [1, {\"b\": 2}]}', '$.a[1].b')",
    "SELECT 1 UNION VALUES (2)",
    "SELECT * FROM (Artist JOIN Album USING (ArtistId)) LEFT JOIN Genre ON GenreId = ArtistId LIMIT 1",
    "SELECT count(DISTINCT CASE WHEN Total > 5 THEN CustomerId END) FROM Invoice",
    "SELECT * FROM Artist a FULL OUTER JOIN Album b USING (ArtistId) LIMIT 300",
    "WITH a(x) AS (VALUES (1), (2)), b AS NOT MATERIALIZED (SELECT x * 2 AS y FROM a) SELECT * FROM a, b",
    "WITH RECURSIVE d(x) AS (SELECT '2021-01-01' UNION ALL SELECT date(x, '+1 day') FROM d LIMIT 5) SELECT x FROM d",
    "SELECT json_set('{}', '$.a', 1), json_type('[1]'), json_valid('{'), json_patch('{}', '{\"b\": 1}')",
    "SELECT sum(CASE WHEN Total > 5 THEN 1 ELSE 0 END) * 100.0 / count(*) FROM Invoice",
    "SELECT main.Artist.Name FROM main.Artist WHERE Artist.rowid = 1",
)
