-- The Caravan shop. Money is in whole cents (EUR), days are ISO 8601 dates, moments are UTC.
PRAGMA user_version = 1;

CREATE TABLE categories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    parent_id INTEGER REFERENCES categories (id)  -- null for a department
);

CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    category_id INTEGER NOT NULL REFERENCES categories (id),
    price_cents INTEGER NOT NULL CHECK (price_cents > 0),  -- today's price, tax included
    cost_cents INTEGER NOT NULL CHECK (cost_cents > 0),
    weight_grams INTEGER NOT NULL,
    reorder_level INTEGER NOT NULL,
    introduced_on TEXT NOT NULL,
    discontinued_on TEXT
);

CREATE TABLE employees (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    name_latin TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    reports_to INTEGER REFERENCES employees (id),
    hired_on TEXT NOT NULL,
    left_on TEXT,
    refund_limit_cents INTEGER NOT NULL DEFAULT 0  -- the largest refund they may approve alone
);

CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,  -- as the customer writes it
    name_latin TEXT NOT NULL,  -- for labels and searches
    email TEXT NOT NULL UNIQUE,
    city TEXT NOT NULL,
    country TEXT NOT NULL,
    language TEXT NOT NULL,  -- BCP 47
    tier TEXT NOT NULL CHECK (tier IN ('bronze', 'silver', 'gold')),
    newsletter INTEGER NOT NULL CHECK (newsletter IN (0, 1)),
    joined_on TEXT NOT NULL
);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    placed_at TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('web', 'phone', 'counter')),
    status TEXT NOT NULL CHECK (status IN ('placed', 'packed', 'shipped', 'delivered', 'cancelled')),
    shipping_method TEXT NOT NULL CHECK (shipping_method IN ('standard', 'express', 'worldwide')),
    shipping_cents INTEGER NOT NULL,
    packed_by INTEGER REFERENCES employees (id),
    shipped_on TEXT,
    delivered_on TEXT
);

CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_cents INTEGER NOT NULL,  -- what was charged then
    discount_percent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE returns (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    requested_on TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('changed mind', 'damaged', 'faulty', 'wrong item')),
    status TEXT NOT NULL CHECK (status IN ('requested', 'refunded', 'refused')),
    quantity INTEGER NOT NULL,
    refund_cents INTEGER NOT NULL,
    decided_by INTEGER REFERENCES employees (id),
    decided_on TEXT,
    FOREIGN KEY (order_id, line) REFERENCES order_lines (order_id, line)
);

CREATE TABLE stock_movements (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES products (id),
    moved_on TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('opening', 'purchase', 'sale', 'return', 'count')),
    quantity INTEGER NOT NULL,  -- into the warehouse is positive
    order_id INTEGER REFERENCES orders (id),
    employee_id INTEGER REFERENCES employees (id),
    countersigned_by INTEGER REFERENCES employees (id)
);

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES products (id),
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    written_on TEXT NOT NULL,
    stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    language TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (product_id, customer_id)
);

CREATE INDEX products_by_category ON products (category_id);
CREATE INDEX customers_by_country ON customers (country, city);
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at);
CREATE INDEX orders_by_day ON orders (placed_at);
CREATE INDEX order_lines_by_product ON order_lines (product_id);
CREATE INDEX returns_by_order ON returns (order_id, line);
CREATE INDEX stock_movements_by_product ON stock_movements (product_id, moved_on);
CREATE INDEX reviews_by_product ON reviews (product_id, stars);

-- One row for an order, in euros: what the goods cost after discounts, shipping, and both together.
CREATE VIEW order_totals AS
SELECT
    orders.id AS order_id,
    orders.customer_id,
    substr(orders.placed_at, 1, 10) AS placed_on,
    orders.status,
    sum(line_totals.cents) / 100.0 AS goods,
    orders.shipping_cents / 100.0 AS shipping,
    (sum(line_totals.cents) + orders.shipping_cents) / 100.0 AS total
FROM orders
JOIN (
    SELECT order_id, (quantity * unit_price_cents * (100 - discount_percent) + 50) / 100 AS cents
    FROM order_lines
) AS line_totals ON line_totals.order_id = orders.id
GROUP BY orders.id;

-- What is on the shelves now.
CREATE VIEW product_stock AS
SELECT products.id AS product_id, products.sku, products.name, products.reorder_level,
    coalesce(sum(stock_movements.quantity), 0) AS in_stock
FROM products
LEFT JOIN stock_movements ON stock_movements.product_id = products.id
GROUP BY products.id;

-- Cancelled orders do not count; refunds are not taken off.
CREATE VIEW monthly_revenue AS
SELECT substr(placed_on, 1, 7) AS month, count(*) AS orders, round(sum(total), 2) AS revenue
FROM order_totals
WHERE status <> 'cancelled'
GROUP BY month;

CREATE VIEW product_ratings AS
SELECT products.id AS product_id, products.name, count(*) AS reviews, round(avg(reviews.stars), 2) AS stars
FROM reviews
JOIN products ON products.id = reviews.product_id
GROUP BY products.id;
