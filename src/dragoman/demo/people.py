"""Names and places in several alphabets, each with how it is written in Latin letters.

Made up by combining common names; nobody is meant. A locale knows its own order of names.
"""

from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Locale:
    """Where customers come from.

    Args:
        language: as in BCP 47.
        country: the country's name in English.
        union: whether it belongs to the European Union, which decides how parcels go.
        cities: as written there.
        women: given names, `native=latin`.
        men: likewise.
        families: family names; `native/native=latin/latin` where women's differ (men's first).
        family_first: whether the family name comes first, without a space between.
        share: how many of all customers, as a weight.
    """

    language: str
    country: str
    union: bool
    cities: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    family_first: bool = False
    share: int = 2


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as written at home and in Latin letters."""

    name: str
    name_latin: str
    city: str
    locale: Locale


def invent(random: Random) -> Person:
    """Make somebody up."""
    locale = random.choices(LOCALES, [locale.share for locale in LOCALES])[0]
    is_woman = random.choice((True, False))
    given, given_latin = _pair(random.choice(locale.women if is_woman else locale.men), is_woman=is_woman)
    family, family_latin = _pair(random.choice(locale.families), is_woman=is_woman)
    name = f"{family}{given}" if locale.family_first else f"{given} {family}"
    return Person(name, f"{given_latin} {family_latin}", random.choice(locale.cities), locale)


def _pair(written: str, *, is_woman: bool) -> tuple[str, str]:
    native, _, latin = written.partition("=")
    forms = (native, latin or native)
    chosen = [form.split("/")[-1 if is_woman else 0] for form in forms]
    return chosen[0], chosen[1]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


LOCALES: Final = (
    Locale(
        "de", "Germany", True, _words("Leipzig Köln Münster Nürnberg Lübeck"),
        _words("Anna Jördis=Joerdis Käthe=Kaethe Lena Mareike Sophie Uta Frieda"),
        _words("Jürgen=Juergen Björn=Bjoern Felix Götz=Goetz Henning Lukas Moritz Wolfgang"),
        _words("Müller=Mueller Weiß=Weiss Schäfer=Schaefer Krüger=Krueger Vogel Böhm=Boehm Lindner Großmann=Grossmann"),
        share=6,
    ),
    Locale(
        "fr", "France", True, _words("Lyon Nîmes Orléans Besançon Saint-Étienne"),
        _words("Chloé=Chloe Inès=Ines Amélie=Amelie Noémie=Noemie Aurélie=Aurelie Maëlle=Maelle Camille Jeanne"),
        _words("Étienne=Etienne François=Francois Rémi=Remi Loïc=Loic Théo=Theo Jérôme=Jerome Hugo Pascal"),
        _words("Lefèvre=Lefevre Bérard=Berard Garçon=Garcon Moreau D'Aubigné=D'Aubigne Fournier Noël=Noel Petit"),
        share=5,
    ),
    Locale(
        "pl", "Poland", True, _words("Łódź Kraków Gdańsk Wrocław Poznań"),
        _words("Łucja=Lucja Małgorzata=Malgorzata Zofia Agnieszka Bożena=Bozena Ewa Hanna Wioletta"),
        _words("Łukasz=Lukasz Paweł=Pawel Grzegorz Stanisław=Stanislaw Józef=Jozef Wojciech Michał=Michal Tomasz"),
        _words("Kowalski/Kowalska Wiśniewski/Wiśniewska=Wisniewski/Wisniewska Wójcik=Wojcik Zając=Zajac "
               "Dąbrowski/Dąbrowska=Dabrowski/Dabrowska Żak=Zak Krawczyk Górski/Górska=Gorski/Gorska"),
        share=4,
    ),
    Locale(
        "pt", "Portugal", True, _words("Lisboa Porto Évora Guimarães Setúbal"),
        _words("Inês=Ines Conceição=Conceicao Beatriz Leonor Fátima=Fatima Mafalda"),
        _words("João=Joao Simão=Simao Tiago Rui Estêvão=Estevao Duarte"),
        _words("Gonçalves=Goncalves Magalhães=Magalhaes Simões=Simoes Araújo=Araujo Falcão=Falcao Pereira"),
    ),
    Locale(
        "tr", "Türkiye", False, _words("İzmir Eskişehir Muğla Çanakkale"),
        _words("Ayşe=Ayse Gülşen=Gulsen Çiğdem=Cigdem Işıl=Isil Zeynep Defne"),
        _words("Oğuz=Oguz Çağlar=Caglar İbrahim=Ibrahim Kıvanç=Kivanc Mehmet Yiğit=Yigit"),
        _words("Yılmaz=Yilmaz Öztürk=Ozturk Çelik=Celik Şahin=Sahin Güneş=Gunes Işık=Isik"),
    ),
    Locale(
        "vi", "Vietnam", False, _words("Huế Đà_Nẵng Hà_Nội Cần_Thơ"),
        _words("Thị_Hương=Thi_Huong Thùy_Linh=Thuy_Linh Ngọc_Ánh=Ngoc_Anh Mỹ_Duyên=My_Duyen"),
        _words("Văn_Đức=Van_Duc Quốc_Bảo=Quoc_Bao Hữu_Nghĩa=Huu_Nghia Minh_Tuấn=Minh_Tuan"),
        _words("Nguyễn=Nguyen Trần=Tran Phạm=Pham Đặng=Dang Huỳnh=Huynh"),
    ),
    Locale(
        "el", "Greece", True, _words("Θεσσαλονίκη Αθήνα Πάτρα Ιωάννινα Χανιά"),
        _words("Ελένη=Eleni Αικατερίνη=Aikaterini Σοφία=Sofia Δήμητρα=Dimitra Ιωάννα=Ioanna Χρυσούλα=Chrysoula"),
        _words("Γιώργος=Giorgos Νικόλαος=Nikolaos Δημήτρης=Dimitris Αλέξανδρος=Alexandros Κώστας=Kostas Σπύρος=Spyros"),
        _words("Παπαδόπουλος/Παπαδοπούλου=Papadopoulos/Papadopoulou Γεωργίου=Georgiou Οικονόμου=Oikonomou "
               "Νικολαΐδης/Νικολαΐδου=Nikolaidis/Nikolaidou Αγγελόπουλος/Αγγελοπούλου=Angelopoulos/Angelopoulou "
               "Βλάχος/Βλάχου=Vlachos/Vlachou"),
        share=4,
    ),
    Locale(
        "bg", "Bulgaria", True, _words("София Пловдив Варна Велико_Търново"),
        _words("Мария=Mariya Йорданка=Yordanka Цветелина=Tsvetelina Елица=Elitsa Десислава=Desislava Яна=Yana"),
        _words("Георги=Georgi Стоян=Stoyan Красимир=Krasimir Ивайло=Ivaylo Пламен=Plamen Васил=Vasil"),
        _words("Димитров/Димитрова=Dimitrov/Dimitrova Стоянов/Стоянова=Stoyanov/Stoyanova Ценов/Ценова=Tsenov/Tsenova "
               "Янков/Янкова=Yankov/Yankova Христов/Христова=Hristov/Hristova"),
        share=3,
    ),
    Locale(
        "uk", "Ukraine", False, _words("Київ Львів Одеса Чернівці"),
        _words("Оксана=Oksana Євгенія=Yevheniia Соломія=Solomiia Ганна=Hanna Наталія=Nataliia Леся=Lesia"),
        _words("Тарас=Taras Олексій=Oleksii Богдан=Bohdan Юрій=Yurii Остап=Ostap Михайло=Mykhailo"),
        _words("Шевченко=Shevchenko Ковальчук=Kovalchuk Гончар=Honchar Бондаренко=Bondarenko "
               "Яремчук=Yaremchuk Савицький/Савицька=Savytskyi/Savytska"),
        share=3,
    ),
    Locale(
        "ar", "Egypt", False, _words("القاهرة الإسكندرية أسوان المنصورة"),
        _words("فاطمة=Fatima ليلى=Layla نور=Nour مريم=Maryam هدى=Huda سلمى=Salma"),
        _words("أحمد=Ahmad يوسف=Yusuf خالد=Khalid عمر=Omar طارق=Tariq حسين=Husayn"),
        _words("المصري=al-Masri حداد=Haddad النجار=an-Najjar الشريف=ash-Sharif منصور=Mansour عبد_الرحمن=Abd_ar-Rahman"),
        share=3,
    ),
    Locale(
        "he", "Israel", False, _words("חיפה באר_שבע תל_אביב ירושלים"),
        _words("נועה=Noa תמר=Tamar יעל=Yael שירה=Shira מיכל=Michal רבקה=Rivka"),
        _words("דוד=David איתן=Eitan יונתן=Yonatan משה=Moshe אורי=Uri גיל=Gil"),
        _words("כהן=Cohen לוי=Levi מזרחי=Mizrahi פרידמן=Friedman אברהם=Avraham שפירא=Shapira"),
    ),
    Locale(
        "zh", "Taiwan", False, _words("臺北 臺中 高雄 臺南"),
        _words("淑芬=Shu-fen 雅婷=Ya-ting 美玲=Mei-ling 怡君=Yi-chun 佩珊=Pei-shan 詩涵=Shih-han"),
        _words("志明=Chih-ming 建宏=Chien-hung 俊傑=Chun-chieh 家豪=Chia-hao 冠宇=Kuan-yu 文彬=Wen-pin"),
        _words("陳=Chen 林=Lin 黃=Huang 張=Chang 歐陽=Ouyang 吳=Wu 蔡=Tsai"),
        family_first=True, share=3,
    ),
    Locale(
        "ja", "Japan", False, _words("京都 札幌 金沢 福岡 那覇"),
        _words("さくら=Sakura ひかり=Hikari あおい=Aoi みどり=Midori エミ=Emi かおり=Kaori"),
        _words("翔太=Shota 健一=Kenichi ジョージ=Joji 大輔=Daisuke たけし=Takeshi 蓮=Ren"),
        _words("佐藤=Sato 髙橋=Takahashi 渡邊=Watanabe 山田=Yamada いとう=Ito 小林=Kobayashi"),
        family_first=True, share=4,
    ),
    Locale(
        "ko", "South Korea", False, _words("서울 부산 전주 강릉"),
        _words("서연=Seo-yeon 지우=Ji-woo 민지=Min-ji 하은=Ha-eun 수빈=Su-bin 유진=Yu-jin"),
        _words("민준=Min-jun 도윤=Do-yun 현우=Hyun-woo 지훈=Ji-hoon 성민=Sung-min 준호=Jun-ho"),
        _words("김=Kim 이=Lee 박=Park 최=Choi 정=Jung 황보=Hwangbo"),
        family_first=True, share=3,
    ),
    Locale(
        "hi", "India", False, _words("जयपुर पुणे वाराणसी भोपाल"),
        _words("प्रिया=Priya अनन्या=Ananya दीपिका=Deepika सुनीता=Sunita कविता=Kavita मीरा=Meera"),
        _words("अर्जुन=Arjun विकास=Vikas राजेश=Rajesh संजय=Sanjay आदित्य=Aditya रोहन=Rohan"),
        _words("शर्मा=Sharma वर्मा=Verma गुप्ता=Gupta मिश्रा=Mishra चौधरी=Chaudhary पटेल=Patel"),
        share=3,
    ),
    Locale(
        "en", "Ireland", True, _words("Galway Cork Dún_Laoghaire Sligo"),
        _words("Siobhán=Siobhan Aoife Niamh Gráinne=Grainne Róisín=Roisin Fionnuala"),
        _words("Seán=Sean Cillian Pádraig=Padraig Oisín=Oisin Declan Eoghan"),
        _words("O'Brien Ó_Súilleabháin=O_Suilleabhain Kelly Byrne MacCarthy Nolan"),
        share=4,
    ),
)  # fmt: skip
