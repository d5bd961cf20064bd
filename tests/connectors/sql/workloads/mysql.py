"""Useful queries of MySQL that MariaDB takes, too, with an empty line between two."""

QUERIES: tuple[str, ...] = tuple(
    query.strip()
    for query in r"""
SELECT Name FROM Artist ORDER BY ArtistId LIMIT 3

select * from Genre;

SELECT count(*) FROM Track

SELECT DISTINCT Country FROM Customer ORDER BY 1

SELECT Name, Milliseconds / 60000.0 AS Minutes FROM Track WHERE Milliseconds BETWEEN 1000 AND 200000 ORDER BY 2,
1 LIMIT 9

SELECT * FROM Customer WHERE Email LIKE '%@gmail.com' AND Company IS NULL ORDER BY LastName

SELECT al.Title, ar.Name FROM Album al JOIN Artist ar ON al.ArtistId = ar.ArtistId ORDER BY 1, 2 LIMIT 20

SELECT Title, Name FROM Album JOIN Artist USING (ArtistId) ORDER BY Title LIMIT 10, 5

SELECT * FROM Album NATURAL JOIN Artist ORDER BY AlbumId LIMIT 4

SELECT g.Name, count(*) AS n FROM Track t JOIN Genre g USING (GenreId) GROUP BY 1 HAVING n > 50 ORDER BY n DESC

SELECT concat(c.FirstName, ' ', c.LastName) AS Customer, sum(i.Total) AS Sales FROM Customer c JOIN Invoice i ON
i.CustomerId = c.CustomerId GROUP BY c.CustomerId, 1 ORDER BY Sales DESC, 1 LIMIT 20

SELECT date_format(InvoiceDate, '%Y-%m') AS Month, round(sum(Total), 2) FROM Invoice GROUP BY Month ORDER BY
Month

SELECT last_day(InvoiceDate), date_add(InvoiceDate, INTERVAL 1 MONTH), InvoiceDate - INTERVAL 1 DAY FROM Invoice
ORDER BY InvoiceId LIMIT 5

SELECT year(InvoiceDate), month(InvoiceDate), extract(day FROM InvoiceDate), dayname(InvoiceDate) FROM Invoice
ORDER BY InvoiceId LIMIT 5

SELECT timestampdiff(MONTH, '2021-01-01', InvoiceDate), datediff(InvoiceDate, '2021-01-01') FROM Invoice ORDER
BY InvoiceId LIMIT 5

SELECT timestampadd(DAY, 3, '2024-02-27'), adddate('2024-01-31', 1), makedate(2024, 60), str_to_date('1,5,2024',
'%d,%m,%Y'), unix_timestamp('1970-01-02 00:00:00') > 0, sec_to_time(3661), time_to_sec('01:00:01')

SELECT Name FROM Artist WHERE ArtistId NOT IN (SELECT ArtistId FROM Album) ORDER BY Name

SELECT Name FROM Artist a WHERE EXISTS (SELECT 1 FROM Album WHERE ArtistId = a.ArtistId) ORDER BY 1 LIMIT 5

SELECT Name, (SELECT count(*) FROM Album WHERE ArtistId = a.ArtistId) FROM Artist a ORDER BY 2 DESC, 1 LIMIT 5

SELECT CASE WHEN Total > 10 THEN 'big' WHEN Total > 5 THEN 'middle' ELSE 'small' END AS Size, count(*) FROM
Invoice GROUP BY Size ORDER BY 1

SELECT BillingCountry, Total, rank() OVER (PARTITION BY BillingCountry ORDER BY Total DESC) AS r FROM Invoice
ORDER BY 1, 3, InvoiceId LIMIT 30

SELECT InvoiceId, sum(Total) OVER (ORDER BY InvoiceId ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM Invoice
ORDER BY 1

SELECT InvoiceId, lag(Total, 1) OVER w, ntile(4) OVER w FROM Invoice WINDOW w AS (ORDER BY InvoiceId) ORDER BY 1
LIMIT 9

WITH sales AS (SELECT CustomerId, sum(Total) AS s FROM Invoice GROUP BY 1) SELECT avg(s), max(s) FROM sales

WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT x, x * x FROM n

WITH RECURSIVE boss(EmployeeId, Path) AS (SELECT EmployeeId, cast(LastName AS CHAR(200)) FROM Employee WHERE
ReportsTo IS NULL UNION ALL SELECT e.EmployeeId, concat(b.Path, '/', e.LastName) FROM Employee e JOIN boss b ON
e.ReportsTo = b.EmployeeId) SELECT * FROM boss ORDER BY Path

SELECT Country FROM Customer UNION SELECT BillingCountry FROM Invoice ORDER BY 1

SELECT City FROM Customer INTERSECT SELECT City FROM Employee ORDER BY 1

SELECT City FROM Employee EXCEPT SELECT City FROM Customer ORDER BY 1

(SELECT Name FROM Genre ORDER BY 1 LIMIT 2) UNION ALL (SELECT Name FROM MediaType ORDER BY 1 LIMIT 2)

SELECT json_object('id', ArtistId, 'name', Name) FROM Artist ORDER BY ArtistId LIMIT 3

SELECT json_arrayagg(Name) FROM Genre WHERE GenreId < 3

SELECT json_extract('{"a": [1, {"b": 2}]}', '$.a[1].b'), json_unquote(json_extract('{"a": "x"}', '$.a'))

SELECT json_value('{"a": 1}', '$.a'), json_length('[1,2]'), json_contains('[1,2]', '1'), json_type('[]')

SELECT group_concat(Name ORDER BY Name SEPARATOR '; ') FROM Playlist

SELECT group_concat(DISTINCT Country ORDER BY Country DESC) FROM Customer

SELECT upper(Name), char_length(Name), substr(Name, 1, 3), replace(Name, ' ', '_'), instr(Name, 'a') FROM Genre
ORDER BY GenreId

SELECT substring('abcdef' FROM 2 FOR 3), substring_index('a.b.c', '.', 2), trim(BOTH 'x' FROM 'xax'),
locate('b', 'abc'), left('abc', 2), lpad('5', 3, '0'), mid('abc', 2, 1), position('b' IN 'abc'), concat_ws('-',
1, 2)

SELECT coalesce(Composer, 'unknown'), nullif(Bytes, 0), ifnull(AlbumId, -1), if(UnitPrice > 1, 'y', 'n') FROM
Track ORDER BY TrackId LIMIT 7

SELECT cast(Total AS SIGNED), cast(Total AS CHAR), cast(Total AS DECIMAL(10, 1)), convert(Total, CHAR),
round(Total), truncate(Total, 1), format(Total, 2) FROM Invoice ORDER BY InvoiceId LIMIT 4

SELECT cast('2024-01-02' AS DATE), cast('2024-01-02 03:04:05' AS DATETIME), DATE '2024-01-02', convert('x' USING
utf8mb4)

SELECT sum(Total > 5), min(Total), max(InvoiceDate), std(Total) FROM Invoice

SELECT a.LastName, b.LastName FROM Employee a LEFT JOIN Employee b ON a.ReportsTo = b.EmployeeId ORDER BY 1, 2

SELECT count(*) FROM Artist a, Genre b, MediaType c WHERE a.ArtistId < 5

SELECT Name FROM Track WHERE (AlbumId, GenreId) IN (SELECT 1, 1 UNION SELECT 2, 1) ORDER BY 1

SELECT * FROM Track WHERE TrackId IN (1, 2, 3) OR Composer IS NOT NULL AND NOT Milliseconds > 100000 ORDER BY
TrackId LIMIT 5

SELECT 1 + 2 * 3 - 4 / 2 % 3, 7 & 3 | 8, 1 << 4, ~5, -3, x'00ff', 1e3, 0x1F, NULL, TRUE, 7 DIV 2, 7 MOD 2, 5 /
2, 7 ^ 2

SELECT InvoiceId FROM Invoice ORDER BY BillingState IS NULL, BillingState, InvoiceId DESC LIMIT 10

/* sales */ SELECT sum(Quantity * UnitPrice) -- of all
FROM InvoiceLine # done

SELECT count(*) FROM (SELECT DISTINCT BillingCity, BillingCountry FROM Invoice) AS places

SELECT abs(-3), sign(-2), sqrt(16), pow(2, 10), floor(2.7), ceil(2.1), ln(1), pi() > 3, mod(7, 3), log(2, 8)

SELECT Country, City, count(*) FROM Customer GROUP BY Country, City WITH ROLLUP

SELECT `Name` AS `the name`, 'x' AS `y` FROM `Genre` ORDER BY 1 LIMIT 2

SELECT t.* FROM Track t CROSS JOIN Genre g ON t.GenreId = g.GenreId WHERE g.Name = 'Opera' ORDER BY t.TrackId

SELECT Name FROM Track WHERE Name REGEXP '^Love' AND Name NOT LIKE '%x%' ORDER BY 1

SELECT Name FROM Track WHERE Name RLIKE 'e$' AND Composer <=> NULL ORDER BY TrackId LIMIT 5

SELECT regexp_replace('a1b22', '[0-9]+', '#'), regexp_substr('a12', '[0-9]+'), md5('a'), sha2('a', 256),
hex('a')

SELECT chinook.Artist.Name FROM chinook.Artist WHERE Artist.ArtistId = 1

SELECT max(a.name) FROM Artist AS a WHERE a.ARTISTID < 10

SELECT 1 = 1 AND NOT 2 = 3 OR 1 XOR 0, 1 && 0, 1 || 0, !1, 1 IS TRUE, 3 NOT BETWEEN 1 AND 2

SELECT greatest(1, 2), least(1, 2), field('b', 'a', 'b'), elt(2, 'a', 'b'), find_in_set('b', 'a,b')

SELECT percent_rank() OVER (ORDER BY Total), first_value(InvoiceId) OVER (ORDER BY Total, InvoiceId) FROM
Invoice ORDER BY 1, 2 LIMIT 3

SELECT count(DISTINCT CASE WHEN Total > 5 THEN CustomerId END) FROM Invoice

WITH a(x) AS (SELECT 1 UNION SELECT 2), b AS (SELECT x * 2 AS y FROM a) SELECT * FROM a, b ORDER BY 1, 2

SELECT 'it''s', "a \"quoted\" text", 'line\nbreak', 'back\\slash', '%', 'a' LIKE 'A'

SELECT Name FROM Genre WHERE Name COLLATE utf8mb4_bin LIKE 'R%' ORDER BY 1

SELECT week(InvoiceDate, 1), quarter(InvoiceDate), weekday(InvoiceDate), yearweek(InvoiceDate) FROM Invoice
ORDER BY InvoiceId LIMIT 3
""".split("\n\n")
)
