"""What customers write about products, by language: three voices each, from delighted to annoyed."""

from typing import Final

STARS: Final = (5, 4, 3, 2, 1)
STAR_WEIGHTS: Final = (52, 27, 11, 6, 4)
_CONTENT: Final = 4
_MIXED: Final = 3

VOICES: Final = {
    # language: content, mixed, annoyed; each "title | text"
    "en": (
        "Exactly what I hoped for | Well made, well packed, and it came a day early.",
        "Good, with one reservation | I like it, but the colour is darker than in the picture.",
        "Sent it back | It arrived scratched. The refund was quick, I will say that.",
    ),
    "de": (
        "Sehr zufrieden | Solide verarbeitet und schnell geliefert. Gerne wieder!",
        "In Ordnung | Tut, was es soll, aber die Größe fällt kleiner aus als gedacht.",
        "Enttäuscht | Nach zwei Wochen schon kaputt. Die Rückgabe war immerhin unkompliziert.",
    ),
    "fr": (
        "Un vrai coup de cœur | Très belle qualité, emballage soigné. Je recommande.",
        "Correct | Bon produit, mais la livraison a pris plus longtemps que prévu.",
        "Déçue | L'article est arrivé abîmé, j'ai dû le renvoyer.",
    ),
    "pl": (
        "Świetny zakup | Solidne wykonanie, szybka wysyłka. Polecam!",
        "Może być | Jakość dobra, ale kolor inny niż na zdjęciu.",
        "Nie polecam | Przyszło uszkodzone, musiałem odesłać.",
    ),
    "pt": (
        "Excelente | Boa qualidade e chegou muito bem embalado.",
        "Razoável | É bonito, mas mais pequeno do que eu pensava.",
        "Desilusão | Chegou partido. A devolução demorou.",
    ),
    "tr": (
        "Çok memnun kaldım | Kaliteli ve özenle paketlenmiş, teşekkürler.",
        "İdare eder | Ürün güzel ama kargo geç geldi.",
        "Beğenmedim | İki haftada bozuldu, iade ettim.",
    ),
    "vi": (
        "Rất hài lòng | Hàng đẹp, đóng gói cẩn thận, giao nhanh.",
        "Tạm được | Chất lượng ổn nhưng màu hơi khác so với ảnh.",
        "Thất vọng | Hàng bị trầy xước khi nhận.",
    ),
    "el": (
        "Εξαιρετικό | Πολύ καλή ποιότητα και γρήγορη παράδοση.",
        "Καλό, αλλά | Μου αρέσει, όμως είναι μικρότερο από ό,τι περίμενα.",
        "Απογοήτευση | Έφτασε με γρατζουνιές και το επέστρεψα.",
    ),
    "bg": (
        "Много съм доволна | Отлична изработка и бърза доставка.",
        "Става | Добро е, но цветът е по-тъмен от снимката.",
        "Разочарование | Пристигна счупено, върнах го.",
    ),
    "uk": (
        "Чудова річ | Якісно зроблено, дбайливо запаковано. Дякую!",
        "Непогано | Гарна річ, але доставка тривала довше.",
        "Розчарування | Зламалося за два тижні.",
    ),
    "ar": (
        "ممتاز | جودة رائعة وتغليف أنيق، شكرًا لكم.",
        "جيد | المنتج جميل لكن الشحن تأخر قليلًا.",
        "غير راضٍ | وصل المنتج مخدوشًا وأعدته.",
    ),
    "he": (
        "מושלם | איכות מצוינת ומשלוח מהיר.",
        "בסדר | מוצר טוב, אבל קטן ממה שחשבתי.",
        "מאכזב | הגיע שרוט, החזרתי.",
    ),
    "zh": (
        "非常滿意 | 做工紮實，包裝用心，送達也很快。",
        "還可以 | 品質不錯，但顏色比照片深。",
        "失望 | 收到時已有刮痕，已退貨。",
    ),
    "ja": (
        "とても満足です | 丁寧な作りで、梱包も素晴らしいです。",
        "まあまあ | 品質は良いですが、思ったより小さいです。",
        "残念 | 届いた時に傷がありました。返品しました。",
    ),
    "ko": (
        "아주 만족합니다 | 튼튼하고 포장도 꼼꼼해요. 배송도 빨랐습니다.",
        "괜찮아요 | 품질은 좋은데 색이 사진보다 어둡네요.",
        "실망했어요 | 흠집이 있어서 반품했습니다.",
    ),
    "hi": (
        "बहुत बढ़िया | गुणवत्ता अच्छी है और पैकिंग भी सुंदर थी।",
        "ठीक है | सामान अच्छा है, पर पहुँचने में देर लगी।",
        "निराशा | टूटा हुआ मिला, वापस भेजना पड़ा।",
    ),
}


def opinion(language: str, stars: int) -> tuple[str, str]:
    """Title and text of a review with this many stars."""
    voice = 0 if stars >= _CONTENT else 1 if stars == _MIXED else 2
    title, _, text = VOICES[language][voice].partition(" | ")
    return title, text
