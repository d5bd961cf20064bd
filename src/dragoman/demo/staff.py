"""Who works in the shop. Roles decide who may approve a refund (the handbook: refunds)."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dragoman.demo.rules import REFUND_LIMITS


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody on the payroll; `left_on` is None while they are."""

    id: int
    name: str
    name_latin: str
    role: str
    reports_to: int | None
    hired_on: date
    left_on: date | None = None

    @property
    def email(self) -> str:
        """The address at work."""
        return self.name_latin.lower().replace(" ", ".").replace("'", "") + "@caravan.example"

    @property
    def refund_limit_cents(self) -> int:
        """The largest refund this person may approve alone."""
        return REFUND_LIMITS.get(self.role, 0)

    def works_on(self, day: date) -> bool:
        """Whether they are employed on a day."""
        return self.hired_on <= day and (self.left_on is None or day <= self.left_on)


EMPLOYEES: Final = (
    Employee(1, "Mirela Horvat", "Mirela Horvat", "Managing director", None, date(2014, 3, 1)),
    Employee(2, "Στέφανος Λάμπρου", "Stefanos Lamprou", "Head of operations", 1, date(2014, 9, 1)),
    Employee(3, "Giulia Ferrari", "Giulia Ferrari", "Head of purchasing", 1, date(2016, 2, 15)),
    Employee(4, "山本ゆき", "Yuki Yamamoto", "Customer service lead", 2, date(2017, 6, 1)),
    Employee(5, "Ngozi Okafor", "Ngozi Okafor", "Senior customer service agent", 4, date(2018, 10, 1)),
    Employee(6, "Петра Стоилова", "Petra Stoilova", "Senior customer service agent", 4, date(2019, 1, 7)),
    Employee(7, "Ana Krstić", "Ana Krstic", "Customer service agent", 4, date(2020, 5, 4)),
    Employee(8, "یاسمین رضایی", "Yasmin Rezaei", "Customer service agent", 4, date(2021, 9, 1)),
    Employee(9, "Tomáš Dvořák", "Tomas Dvorak", "Customer service agent", 4, date(2022, 3, 1), date(2025, 6, 30)),
    Employee(10, "김소라", "Sora Kim", "Customer service agent", 4, date(2025, 6, 16)),
    Employee(11, "Bruno Zanetti", "Bruno Zanetti", "Warehouse lead", 2, date(2015, 4, 13)),
    Employee(12, "Олена Мельник", "Olena Melnyk", "Warehouse worker", 11, date(2019, 8, 19)),
    Employee(13, "Samir Benali", "Samir Benali", "Warehouse worker", 11, date(2020, 11, 2)),
    Employee(14, "Léa Marchand", "Lea Marchand", "Warehouse worker", 11, date(2022, 9, 5)),
    Employee(15, "Matej Kos", "Matej Kos", "Warehouse worker", 11, date(2023, 2, 1), date(2026, 1, 31)),
    Employee(16, "मोहन नायर", "Mohan Nair", "Warehouse worker", 11, date(2026, 1, 12)),
    Employee(17, "Ivana Perić", "Ivana Peric", "Buyer", 3, date(2018, 5, 14)),
    Employee(18, "רון ברק", "Ron Barak", "Bookkeeper", 1, date(2016, 11, 1)),
)
