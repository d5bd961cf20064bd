"""Day after day in the shop: who orders what, what is packed, sent, sent back, counted and reviewed.

The rules are those of `rules.py`; chance comes from one seeded source, so the same days happen every time.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Final

from dragoman.demo import rules
from dragoman.demo.catalogue import Product
from dragoman.demo.opinions import STAR_WEIGHTS, STARS
from dragoman.demo.people import Person, invent
from dragoman.demo.staff import EMPLOYEES, Employee

_SATURDAY: Final = 5
_FIRST_ORDER: Final = 10001
_SEASON: Final = (0.8, 0.8, 0.9, 1.0, 1.1, 1.1, 0.9, 0.8, 1.0, 1.1, 1.5, 1.9)  # by month
_LATE_DAYS: Final = 20  # how long after the window some customers still try
_CANCELLED: Final = 0.025
_EXPRESS: Final = 0.2
_SENT_BACK: Final = 0.05
_TOO_LATE: Final = 0.08
_TROUBLED: Final = 0.45
_REVIEWED: Final = 0.2
_NEWSLETTER: Final = 0.4
_MISCOUNTED: Final = 0.12
_LOYALTY: Final = 1.6  # above 1, the first customers order most
_TROUBLES: Final = ("damaged", "faulty", "wrong item")


@dataclass(slots=True)
class Customer:
    """Somebody who has ordered; `spent_cents` is for goods of orders that were not cancelled."""

    id: int
    person: Person
    joined_on: date
    newsletter: bool
    spent_cents: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One article of an order."""

    product: Product
    quantity: int
    unit_price_cents: int
    discount_percent: int

    @property
    def cents(self) -> int:
        """What it costs after the discount, half a cent rounded up."""
        return (self.quantity * self.unit_price_cents * (100 - self.discount_percent) + 50) // 100


@dataclass(slots=True)
class Order:
    """An order with its road to the customer; a day that has not come is None."""

    id: int
    customer: Customer
    placed_at: str
    channel: str
    method: str
    lines: list[Line]
    status: str = "placed"
    packed_by: int | None = None
    shipped_on: date | None = None
    delivered_on: date | None = None

    @property
    def goods_cents(self) -> int:
        """What its lines cost together."""
        return sum(line.cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Return:
    """A customer sends something back, or tries to."""

    order_id: int
    line: int
    requested_on: date
    reason: str
    status: str
    quantity: int
    refund_cents: int
    decided_by: int | None
    decided_on: date | None


@dataclass(frozen=True, slots=True)
class Movement:
    """Units of a product into the warehouse, or out of it where negative."""

    product_id: int
    moved_on: date
    kind: str
    quantity: int
    order_id: int | None = None
    employee_id: int | None = None
    countersigned_by: int | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A customer's stars for a product; the words are chosen by language."""

    product_id: int
    customer: Customer
    written_on: date
    stars: int


@dataclass
class Trade:
    """Everything that happened, in order.

    Args:
        random: where chance comes from.
        products: what is sold.
    """

    random: Random
    products: list[Product]
    customers: list[Customer] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stock: dict[int, int] = {}
        self._arriving: dict[date, list[Product]] = {}
        self._awaited: set[int] = set()
        self._reviewed: set[tuple[int, int]] = set()

    def run(self) -> None:
        """Live through all days."""
        day = rules.FIRST_DAY
        while day <= rules.LAST_DAY:
            self._receive(day)
            for _ in range(self._orders_on(day)):
                self._sell(day)
            if day.month in rules.COUNT_MONTHS and _is_last_working_day(day):
                self._count(day)
            day += timedelta(days=1)
        self.movements.sort(key=lambda movement: movement.moved_on)
        self.returns.sort(key=lambda claim: claim.requested_on)
        self.reviews.sort(key=lambda review: review.written_on)

    def _receive(self, day: date) -> None:
        """New articles open with a full shelf; what was ordered comes in."""
        for product in self.products:
            if product.introduced_on == day:
                self._move(product, day, "opening", product.reorder_level + product.pack)
        for product in self._arriving.pop(day, ()):
            self._awaited.discard(product.id)
            self._move(product, day, "purchase", product.pack, employee=_on_duty(self.random, "Warehouse", day))

    def _orders_on(self, day: date) -> int:
        growth = 1.3 + 1.5 * (day - rules.FIRST_DAY).days / (rules.LAST_DAY - rules.FIRST_DAY).days
        expected = growth * _SEASON[day.month - 1] * (1.25 if day.weekday() >= _SATURDAY else 1.0)
        return int(expected) + (self.random.random() < expected % 1)

    def _sell(self, day: date) -> None:
        random = self.random
        customer = self._customer(day)
        discount = rules.discount_percent(customer.spent_cents)
        wanted = random.sample(self.products, random.choices((1, 2, 3, 4, 6), (34, 28, 20, 12, 6))[0])
        lines = []
        for product in wanted:
            quantity = min(random.choices((1, 2, 3, 4, 12), (66, 20, 8, 5, 1))[0], rules.MOST_PER_LINE)
            if product.sold_on(day) and self._stock.get(product.id, 0) >= quantity:
                lines.append(Line(product, quantity, product.price_on(day), discount))
        if not lines:
            return
        hour, minute, second = random.randrange(6, 23), random.randrange(60), random.randrange(60)
        order = Order(
            id=_FIRST_ORDER + len(self.orders),
            customer=customer,
            placed_at=f"{day}T{hour:02}:{minute:02}:{second:02}Z",
            channel=random.choices(("web", "phone", "counter"), (84, 11, 5))[0],
            method=self._method(customer),
            lines=lines,
        )
        self.orders.append(order)
        if random.random() < _CANCELLED:
            order.status = "cancelled"
            return
        customer.spent_cents += order.goods_cents
        self._deliver(order, day)
        if order.delivered_on is not None:
            self._hear_back(order, order.delivered_on)

    def _customer(self, day: date) -> Customer:
        random = self.random
        if not self.customers or random.random() < _newcomers(len(self.customers)):
            number = len(self.customers) + 1
            customer = Customer(number, invent(random), day, random.random() < _NEWSLETTER)
            self.customers.append(customer)
            return customer
        return self.customers[int(len(self.customers) * random.random() ** _LOYALTY)]

    def _method(self, customer: Customer) -> str:
        if not customer.person.locale.union:
            return "worldwide"
        return "express" if self.random.random() < _EXPRESS else "standard"

    def _deliver(self, order: Order, day: date) -> None:
        """Pack, ship and hand over, as far as the days reach; goods leave the shelf when they are packed."""
        random = self.random
        packed_on = working_day(day, random.choices((0, 1), (3, 7))[0])
        if packed_on > rules.LAST_DAY:
            for line in order.lines:  # set aside at once, so that nobody else buys it
                self._take(line.product, day, line.quantity, order.id, None)
            return
        order.packed_by = _on_duty(random, "Warehouse worker", packed_on).id
        for line in order.lines:
            self._take(line.product, packed_on, line.quantity, order.id, order.packed_by)
        order.status = "packed"
        shipped_on = working_day(packed_on, random.choices((0, 1), (8, 2))[0])
        if shipped_on > rules.LAST_DAY:
            return
        order.status, order.shipped_on = "shipped", shipped_on
        _, _, fastest, slowest = rules.SHIPPING[order.method]
        delivered_on = working_day(shipped_on, random.randrange(fastest, slowest + 1))
        if delivered_on <= rules.LAST_DAY:
            order.status, order.delivered_on = "delivered", delivered_on

    def _take(self, product: Product, day: date, quantity: int, order_id: int, employee_id: int | None) -> None:
        self.movements.append(Movement(product.id, day, "sale", -quantity, order_id, employee_id))
        self._stock[product.id] -= quantity
        if self._stock[product.id] < product.reorder_level and product.id not in self._awaited:
            arrives = working_day(day, self.random.randrange(6, 15))
            if product.sold_on(arrives) and arrives <= rules.LAST_DAY:
                self._awaited.add(product.id)
                self._arriving.setdefault(arrives, []).append(product)

    def _move(self, product: Product, day: date, kind: str, quantity: int, *, employee: Employee | None = None) -> None:
        self.movements.append(Movement(product.id, day, kind, quantity, None, employee.id if employee else None))
        self._stock[product.id] = self._stock.get(product.id, 0) + quantity

    def _hear_back(self, order: Order, delivered_on: date) -> None:
        """What comes back after a delivery: reviews, and now and then the goods."""
        random = self.random
        for number, line in enumerate(order.lines, 1):
            if random.random() < _SENT_BACK:
                self._take_back(order, number, line, delivered_on)
            elif random.random() < _REVIEWED:
                self._review(order.customer, line.product, delivered_on)

    def _take_back(self, order: Order, number: int, line: Line, delivered_on: date) -> None:
        random = self.random
        is_late = random.random() < _TOO_LATE
        days = random.randrange(1, rules.RETURN_DAYS + 1) + (rules.RETURN_DAYS if is_late else 0)
        requested_on = delivered_on + timedelta(days=min(days, rules.RETURN_DAYS + _LATE_DAYS))
        if requested_on > rules.LAST_DAY:
            return
        trouble = line.product.category == rules.SEALED_CATEGORY or random.random() < _TROUBLED
        reason = "changed mind" if is_late else random.choice(_TROUBLES) if trouble else "changed mind"
        decided_on = working_day(requested_on, random.randrange(1, 6))
        if decided_on > rules.LAST_DAY:
            claim = Return(order.id, number, requested_on, reason, "requested", line.quantity, 0, None, None)
        elif is_late:
            agent = _approver(random, 0, decided_on)
            claim = Return(order.id, number, requested_on, reason, "refused", line.quantity, 0, agent.id, decided_on)
        else:
            agent = _approver(random, line.cents, decided_on)
            claim = Return(
                order.id, number, requested_on, reason, "refunded", line.quantity, line.cents, agent.id, decided_on
            )
            if reason in ("changed mind", "wrong item"):
                keeper = _on_duty(random, "Warehouse worker", decided_on)
                moved = Movement(line.product.id, decided_on, "return", line.quantity, order.id, keeper.id)
                self.movements.append(moved)
        self.returns.append(claim)

    def _review(self, customer: Customer, product: Product, delivered_on: date) -> None:
        written_on = delivered_on + timedelta(days=self.random.randrange(2, 40))
        if written_on > rules.LAST_DAY or (product.id, customer.id) in self._reviewed:
            return
        self._reviewed.add((product.id, customer.id))
        stars = self.random.choices(STARS, STAR_WEIGHTS)[0]
        self.reviews.append(Review(product.id, customer, written_on, stars))

    def _count(self, day: date) -> None:
        """Stock taking: a few shelves differ; a large difference is signed by the lead as well."""
        random = self.random
        for product in self.products:
            held = self._stock.get(product.id, 0)
            if held < rules.LARGEST_UNSIGNED_DIFFERENCE * 2 or random.random() > _MISCOUNTED:
                continue
            difference = random.choice((-4, -3, -2, -1, -1, -1, 1, 1, 2))
            counter = _on_duty(random, "Warehouse worker", day)
            lead = _on_duty(random, "Warehouse lead", day)
            second = lead.id if abs(difference) > rules.LARGEST_UNSIGNED_DIFFERENCE else None
            self.movements.append(Movement(product.id, day, "count", difference, None, counter.id, second))
            self._stock[product.id] = held + difference


def working_day(day: date, count: int) -> date:
    """The day that many working days later; a day on a weekend counts from the Monday after."""
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    for _ in range(count):
        day += timedelta(days=3 if day.weekday() == _SATURDAY - 1 else 1)
    return day


def _newcomers(known: int) -> float:
    """How many orders come from new customers; fewer, the better known the shop is."""
    return 620 / (620 + 2.3 * known) - 0.13


def _is_last_working_day(day: date) -> bool:
    return day.weekday() < _SATURDAY and working_day(day, 1).month != day.month


def _on_duty(random: Random, role: str, day: date) -> Employee:
    """Somebody whose role begins with this word, employed on the day."""
    return random.choice([one for one in EMPLOYEES if one.role.startswith(role) and one.works_on(day)])


def _approver(random: Random, cents: int, day: date) -> Employee:
    """Whoever of the lowest sufficient rank decides."""
    able = [one for one in EMPLOYEES if one.refund_limit_cents >= max(cents, 1) and one.works_on(day)]
    lowest = min(one.refund_limit_cents for one in able)
    return random.choice([one for one in able if one.refund_limit_cents == lowest])
