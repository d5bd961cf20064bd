"""What the shop sells: categories with their products, as `name | price | grams`, prices in euros of today."""

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

from dragoman.demo.rules import FIRST_DAY, PRICE_BEFORE_PERCENT, PRICE_ROUND, REORDER_LEVELS

_NEW: Final = 0.14
_OLD: Final = 0.07


@dataclass(frozen=True, slots=True)
class Product:
    """One article.

    Args:
        id: its row.
        sku: the number on its label: three letters of the department and four digits.
        name: what it is called.
        category: the name of its category.
        price_cents: what it costs today.
        cost_cents: what the shop pays.
        weight_grams: packed.
        reorder_level: stock at which new ones are ordered.
        pack: how many are ordered at a time.
        introduced_on: first day on sale.
        discontinued_on: last day on sale, or None.
    """

    id: int
    sku: str
    name: str
    category: str
    price_cents: int
    cost_cents: int
    weight_grams: int
    reorder_level: int
    pack: int
    introduced_on: date
    discontinued_on: date | None

    def sold_on(self, day: date) -> bool:
        """Whether it is on sale on a day."""
        return self.introduced_on <= day and (self.discontinued_on is None or day <= self.discontinued_on)

    def price_on(self, day: date) -> int:
        """What it costs on a day, in cents; the price before the price round ends in a 0 cent as all do."""
        if day >= PRICE_ROUND:
            return self.price_cents
        return round(self.price_cents * PRICE_BEFORE_PERCENT / 1000) * 10


def products(random: Random) -> list[Product]:
    """Every article; what the catalogue does not say is drawn."""
    made: list[Product] = []
    for categories in DEPARTMENTS.values():
        for category, text in categories.items():
            made += [
                _product(random, len(made) + number, category, line) for number, line in enumerate(_lines(text), 1)
            ]
    return made


def _product(random: Random, number: int, category: str, line: str) -> Product:
    name, price, grams = (part.strip() for part in line.split("|"))
    price_cents = round(float(price) * 100)
    margin = random.randrange(38, 58)
    is_new, is_old = random.random() < _NEW, random.random() < _OLD
    level = next(level for below, level in REORDER_LEVELS if price_cents < below)
    return Product(
        id=number,
        sku=f"{_department(category)[:3].upper()}-{1000 + number * 7}",
        name=name,
        category=category,
        price_cents=price_cents,
        cost_cents=price_cents * (100 - margin) // 100,
        weight_grams=int(grams),
        reorder_level=level,
        pack=level * random.randrange(3, 6),
        introduced_on=date(2024 + random.randrange(2), random.randrange(1, 13), 1) if is_new else FIRST_DAY,
        discontinued_on=date(2026, random.randrange(2, 9), 28) if is_old and not is_new else None,
    )


def _department(category: str) -> str:
    return next(name for name, categories in DEPARTMENTS.items() if category in categories)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


DEPARTMENTS: Final = {
    "Writing": {
        "Notebooks": """
            Field notebook, dotted, A6 | 7.90 | 95
            Field notebook, plain, A6, set of three | 19.90 | 280
            Bound journal, linen, A5 | 24.90 | 410
            Bound journal, leather, A5 | 49.00 | 520
            Sketchbook, 160 g/m2, A4 | 22.50 | 780
            Waterproof log book | 16.90 | 190
            Music manuscript book | 12.90 | 240
            Desk diary 2026 | 27.90 | 560
            Pocket diary 2026 | 14.90 | 120
        """,
        "Pens and ink": """
            Fountain pen Karst, fine | 64.00 | 60
            Fountain pen Karst, broad | 64.00 | 60
            Brass ballpoint | 38.00 | 70
            Rollerball, black | 12.50 | 40
            Brush pen, set of six | 21.90 | 130
            Drawing pencils, set of twelve | 18.90 | 160
            Ink, midnight blue, 50 ml | 11.90 | 180
            Ink, iron gall, 50 ml | 13.90 | 180
            Calligraphy set, reed pens | 34.00 | 260
            Blotting paper, ten sheets | 4.50 | 90
        """,
        "Paper": """
            Letter paper, laid, 50 sheets | 15.90 | 420
            Envelopes, lined, 25 pieces | 9.90 | 210
            Air mail pad | 8.50 | 150
            Postcards of old Trieste, set of ten | 9.50 | 110
            Gift wrap, marbled, five sheets | 13.50 | 200
            Sealing wax and stamp | 17.90 | 140
        """,
    },
    "Bags": {
        "Rucksacks": """
            Canvas rucksack, 18 l | 79.00 | 820
            Canvas rucksack, 28 l | 95.00 | 1050
            Rolltop rucksack, waterproof, 25 l | 119.00 | 990
            Day pack, foldable | 34.90 | 240
            Hiking rucksack, 45 l | 169.00 | 1480
            School rucksack | 69.00 | 760
        """,
        "Travel bags": """
            Weekend bag, waxed canvas | 145.00 | 1650
            Cabin case, aluminium | 289.00 | 3400
            Duffel, 60 l | 99.00 | 1200
            Garment bag | 74.90 | 900
            Packing cubes, set of four | 32.90 | 310
            Shoe bag | 11.90 | 80
            Wash bag, hanging | 36.90 | 290
        """,
        "Small bags": """
            Messenger bag, leather | 189.00 | 1300
            Tote, organic cotton | 16.90 | 210
            Belt bag | 29.90 | 190
            Camera insert | 39.90 | 340
            Pencil roll | 19.90 | 110
            Card wallet | 27.90 | 40
            Passport cover | 22.90 | 55
        """,
    },
    "Light": {
        "Lanterns": """
            Storm lantern, paraffin | 44.90 | 980
            Storm lantern, rechargeable | 59.90 | 740
            Paper lantern, 40 cm | 14.90 | 160
            Moroccan lantern, brass | 84.00 | 1900
            Camping lantern, solar | 37.90 | 310
            Lantern glass, spare | 8.90 | 220
        """,
        "Lamps": """
            Reading lamp, clip | 32.90 | 380
            Desk lamp, folding arm | 89.00 | 2100
            Head torch | 42.90 | 110
            Pocket torch | 24.90 | 95
            Bicycle lights, pair | 39.90 | 140
            Beeswax candles, six | 17.90 | 420
        """,
    },
    "Kitchen": {
        "Tea and coffee": """
            Assam, second flush, 250 g | 13.90 | 290
            Sencha, Uji, 100 g | 16.90 | 140
            Jasmine pearls, 100 g | 18.50 | 140
            Mountain tea, Greek, 60 g | 6.90 | 90
            Mint tea, Nile valley, 80 g | 5.90 | 110
            Masala chai blend, 200 g | 11.50 | 240
            Espresso beans, Trieste roast, 500 g | 14.90 | 540
            Espresso beans, Trieste roast, 1 kg | 26.90 | 1050
            Filter coffee, Ethiopia, 250 g | 12.90 | 290
            Decaffeinated beans, 250 g | 11.90 | 290
        """,
        "Pots and cups": """
            Tea pot, cast iron, 0.8 l | 62.00 | 1750
            Tea pot, glass, 1 l | 34.90 | 620
            Moka pot, three cups | 31.90 | 520
            Moka pot, six cups | 41.90 | 760
            Cezve, copper | 36.90 | 340
            Tea glasses, set of six | 24.90 | 900
            Enamel mug | 12.90 | 230
            Vacuum flask, 0.75 l | 33.90 | 450
            Tea strainer, steel | 7.90 | 60
            Hand grinder | 58.00 | 510
        """,
        "Camp kitchen": """
            Spirit stove | 27.90 | 180
            Titanium pot, 0.9 l | 54.90 | 130
            Folding knife, olive wood | 46.00 | 120
            Spork, titanium | 14.90 | 20
            Spice tin, six compartments | 19.90 | 150
            Lunch box, steel | 28.90 | 420
        """,
    },
    "Outdoors": {
        "Blankets and hammocks": """
            Wool blanket, grey | 78.00 | 1500
            Wool blanket, striped | 84.00 | 1550
            Picnic blanket, waxed back | 59.90 | 1400
            Hammock, parachute silk | 49.90 | 520
            Hammock straps | 18.90 | 260
            Sleeping bag liner, silk | 54.00 | 140
        """,
        "Weather": """
            Umbrella, storm proof | 45.90 | 480
            Rain poncho | 39.90 | 320
            Merino hat | 26.90 | 60
            Merino socks, two pairs | 24.90 | 130
            Sun hat, straw | 32.90 | 110
            Neck gaiter | 17.90 | 50
        """,
        "Tools": """
            Compass, sighting | 52.00 | 90
            Binoculars, 8x32 | 149.00 | 520
            Multitool | 68.00 | 210
            Repair kit, textile | 12.90 | 70
            Rope, 6 mm, 20 m | 16.90 | 480
            First aid kit | 29.90 | 350
            Water filter | 44.90 | 90
        """,
    },
    "Maps and books": {
        "Maps": """
            Walking map, Karst plateau, 1:25 000 | 13.90 | 90
            Walking map, Julian Alps, 1:50 000 | 14.90 | 95
            Rail map of Europe, wall | 24.90 | 310
            Silk Road, wall map | 29.90 | 330
            City map, Istanbul 1922, facsimile | 19.90 | 120
            Star chart, northern sky | 17.90 | 140
            Globe, 25 cm | 98.00 | 1600
        """,
        "Books": """
            Phrase book, 12 languages | 11.90 | 210
            The Caravan Cookbook | 29.90 | 890
            Knots and How to Tie Them | 14.90 | 280
            A Short History of Tea | 18.90 | 340
            Sketching on the Road | 22.90 | 460
            The Interpreters: Dragomans of the Levant | 26.90 | 520
        """,
    },
}
