"""The words that the sample house is made of. Every company and person is invented; addresses end in `.example`."""

FRONTS = (
    "Velkarin", "Tornwick", "Ambresco", "Dunhollow", "Quellmark", "Fernovia", "Brackholm", "Sorrelby", "Halvexa",
    "Mirrowen",
    "Ostrevik", "Pellamar", "Ravensleat", "Tamberlyn", "Undermoor", "Wexcombe", "Yarrowfen", "Zellwick", "Corvanta",
    "Eldermark",
)  # fmt: skip
TRADES = (  # word in the name, sector, revenue per head in thousands
    ("Foods", "food", 260), ("Logistics", "logistics", 180), ("Clinics", "medical", 150), ("Systems", "technology",
    210),
    ("Mills", "manufacturing", 190), ("Stores", "retail", 230), ("Bank", "finance", 320), ("Software", "software", 170),
    ("Energy", "energy", 410), ("Hotels", "hospitality", 90),
)  # fmt: skip
COUNTRIES = ("United States", "Germany", "United Kingdom", "France", "Canada", "Netherlands")
FIRST = (
    "Nora", "Tomas", "Ines", "Pavel", "Greta", "Amir", "Lucia", "Henrik", "Odette", "Samuel", "Mira", "Jonas", "Leila",
    "Viktor",
    "Clara", "Mateo", "Sofia", "Emil", "Rosa", "Nils",
)  # fmt: skip
LAST = (
    "Tessler", "Marrowby", "Quillane", "Dorvak", "Hestrin", "Abelone", "Castrow", "Fenwright", "Olmeda", "Prentiss",
    "Rookwell",
    "Sandoval-Ek", "Thornquist", "Ulverin", "Vantreece", "Wolmer", "Yastrow", "Zimmerlund", "Brandsma", "Collier-Noe",
)  # fmt: skip
TITLES = (
    "CFO",
    "Operations Director",
    "Head of IT",
    "Plant Manager",
    "Procurement Lead",
    "CTO",
    "Office Manager",
    "VP Sales",
)
PRODUCTS = (  # name, series, list price, what it does
    ("Linden Scheduler", "Linden", 4800, "Linden Scheduler plans shifts for teams of up to 500 people"),
    ("Linden Scheduler Plus", "Linden", 9600, "Linden Scheduler Plus plans shifts over several sites"),
    ("Alder Stock", "Alder", 3200, "Alder Stock counts what is in a store room with a phone"),
    ("Alder Stock Pro", "Alder", 7400, "Alder Stock Pro orders parts before they run out"),
    ("Rowan Reports", "Rowan", 1500, "Rowan Reports sends one page of figures each Monday"),
)
SELLERS = (  # name, manager, region
    ("Ada Kestrel", "Ruth Ambler", "East"), ("Ben Lowrie", "Ruth Ambler", "East"), ("Cleo Fontaine", "Ruth Ambler",
    "West"),
    ("Dev Harrow", "Omar Lindqvist", "West"), ("Edith Marsh", "Omar Lindqvist", "Central"), ("Faro Winn",
    "Omar Lindqvist", "Central"),
    ("Gwen Tolley", "Omar Lindqvist", "Central"),
)  # fmt: skip
STAGES = ("Prospecting", "Discovery", "Proposal", "Negotiation")
NOTES = (  # what was said in calls; evidence for and against, and small talk
    "Budget of 40k is approved for this year.",
    "They have no budget before the next year starts.",
    "{first} signs off on tools like this.",
    "It is not their decision, somebody else decides.",
    "Planning by hand costs us 30 hours a week, {first} said.",
    "They are happy with what they have.",
    "It has to go live by the end of March.",
    "There is no hurry on their side.",
    "They are also looking at building it in-house.",
    "Criteria are: works offline, price per site, support in German.",
    "The committee meets on the first Monday and then legal review takes two weeks.",
    "Nobody could tell us how the committee decides.",
    "{first} presented it internally to the board.",
    "Good first talk, interested, asked for a demo.",
    "Left a voice mail.",
    "Asked what it costs.",
)
