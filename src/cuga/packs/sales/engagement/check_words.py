"""The numbers and words that messages are checked against, as sales practice has them for a first cold mail."""

LIMITS = {"fewest": 40, "most": 125, "block": 200, "sentence": 18, "ease": 60}
NOTE_LENGTH = 300  # characters of a LinkedIn invitation; 200 without a paid seat
SMS_PLAIN, SMS_OTHER = 160, 70  # characters of one text message: GSM 03.38 letters, any others (3GPP TS 23.038)
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_TWICE = frozenset("^{}\\[~]|€\f")  # each takes two places
CALL_WORDS = 75  # spoken in about 30 seconds
SPAM = {  # term -> weight; three together are too much
    "100% free": 2, "act now": 2, "limited time": 2, "risk-free": 2, "risk free": 2, "no obligation": 1, "buy now": 2,
    "click here": 2, "guaranteed": 2, "cash": 1, "winner": 2, "best price": 1, "lowest price": 2, "cheap": 1,
    "discount": 1,
    "special promotion": 1, "once in a lifetime": 2, "urgent": 1, "amazing": 1, "incredible": 1, "synergies": 1,
    "synergy": 1,
    "leading provider": 1, "world-class": 1, "best-in-class": 1, "game-changing": 1, "cutting-edge": 1,
    "revolutionary": 1,
    "ai-powered": 1, "double your": 2, "free trial": 1, "don't miss": 1, "dear friend": 2,
}  # fmt: skip
FILLERS = (
    "i hope this email finds you well", "i hope this finds you well", "hope you are doing well",
    "hope you're doing well",
    "i hope you are well", "just checking in", "just following up", "i wanted to reach out", "i am reaching out",
    "i'm reaching out", "my name is", "let me introduce myself", "i know you are busy", "i know you're busy",
)  # fmt: skip


def sms_length(text: str) -> tuple[int, int]:
    """Places that a text message takes, and how many one message has for its letters."""
    if all(letter in GSM_7 or letter in GSM_7_TWICE for letter in text):
        return sum(2 if letter in GSM_7_TWICE else 1 for letter in text), SMS_PLAIN
    return len(text.encode("utf-16-be")) // 2, SMS_OTHER


def fits(channel: str, body: str) -> bool:
    """Whether a body keeps within the length that its channel takes."""
    if channel == "sms":
        used, most = sms_length(body)
        return used <= most
    return channel != "linkedin" or len(body) <= NOTE_LENGTH
