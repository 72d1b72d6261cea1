"""The numbers and words that messages are checked against, as sales practice has them for a first cold mail."""

LIMITS = {"fewest": 40, "most": 125, "block": 200, "sentence": 18, "ease": 60}
NOTE_LENGTH = 300  # characters of a LinkedIn invitation; 200 without a paid seat
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
