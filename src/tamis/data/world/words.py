"""The words of the world's prose: three languages, nine topics in English, and what pages put around a text.

Plain data. The first word of every list is the most frequent (the generator draws by rank, Zipf's law).
"""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """Words of one subject: nouns, verbs (third person singular, taking an object), adjectives."""

    nouns: str
    verbs: str
    adjectives: str


class Language(NamedTuple):
    """What a sentence is made of. `frames` use S (subject), V (verb), O (object), A (adverbial) and N (bare adjective)."""

    code: str
    subjects: str
    objects: str
    places: str
    times: str
    syllables: str
    frames: tuple[str, ...]
    topics: dict[str, Topic]


ENGLISH = Language(
    "en",
    "the|a|this|every|the|one|our|the|her|their|no|the same",
    "the|a|the|its|some|another|the|her|a new|that",
    "in the|near the|with a|from the|under the|of the|behind the|at the|on the|over a|to the|through the|for the|by the",
    "in the winter|before noon|after a while|for many years|with great care|without delay|at first|as a rule|in most years"
    "|on quiet days|by the end of the week|from time to time|in the old days|to this day|more than once|not far from here",
    "bar|den|fel|gor|hal|ker|lan|mor|nes|pol|ral|sten|tor|vel|wick|yar|brin|ton|dale|mer",
    (
        "S V O",
        "S V O A",
        "A , S V O",
        "S V O , and S V O",
        "S V O , but S V O A",
        "When S V O , S V O",
        "It is said that S V O A",
        "S that V O is N",
        "S is N and N , because S V O",
        "There are days when S V O",
        "If S V O , then S V O A",
        "S and S have to be N , or nobody V O",
        "Although S is N , S V O A",
        "What S V is N to those who know O",
        "S V O ; S V O",
    ),
    {
        "harbour": Topic(
            "boat|harbour|sail|wind|rope|captain|tide|deck|crew|anchor|lantern|net|pier|storm|mast|cargo|current|shore|hull|buoy",
            "carries|follows|holds|leaves|turns|crosses|pulls|meets|repairs|lowers|watches|signals",
            "calm|heavy|northern|wet|steady|narrow|salty|broad|worn|distant|grey|deep",
        ),
        "garden": Topic(
            "soil|garden|seed|root|plant|tree|leaf|flower|gardener|water|shade|bed|hedge|fruit|spade|worm|branch|bulb|fence|moss",
            "grows|needs|covers|feeds|shelters|loosens|produces|prunes|shades|attracts|tolerates|waters",
            "green|dry|young|rich|sunny|tall|early|ripe|tender|sandy|wild|fragrant",
        ),
        "kitchen": Topic(
            "bread|oven|dough|flour|cook|pan|salt|butter|onion|sauce|knife|recipe|crust|spoon|sugar|yeast|soup|table|spice|broth",
            "bakes|stirs|adds|thickens|softens|warms|seasons|cuts|mixes|serves|browns|cools",
            "warm|fresh|thin|sweet|golden|bitter|coarse|soft|hot|plain|smooth|crisp",
        ),
        "railway": Topic(
            "train|station|track|engine|signal|driver|bridge|tunnel|platform|carriage|timetable|line|wheel|guard|passenger|junction"
            "|whistle|freight|gauge|valve",
            "reaches|passes|pulls|delays|connects|serves|carries|stops|crosses|inspects|replaces|links",
            "late|fast|long|iron|local|busy|electric|empty|loud|remote|regular|single",
        ),
        "sky": Topic(
            "star|planet|light|telescope|moon|orbit|astronomer|comet|cloud|galaxy|mirror|night|eclipse|dust|lens|horizon|shadow"
            "|spectrum|meteor|observer",
            "reflects|orbits|reveals|measures|crosses|emits|absorbs|hides|records|attracts|predicts|outshines",
            "bright|faint|distant|red|massive|visible|cold|slow|ancient|dark|hot|double",
        ),
        "law": Topic(
            "court|judge|contract|case|law|witness|party|clause|claim|verdict|statute|clerk|evidence|appeal|penalty|property|right"
            "|hearing|tenant|seal",
            "grants|denies|hears|requires|supports|signs|limits|protects|weighs|overturns|cites|binds",
            "civil|public|written|valid|fair|former|common|legal|clear|oral|due|binding",
        ),
        "music": Topic(
            "song|melody|drum|choir|string|chord|rhythm|singer|stage|organ|note|audience|violin|tempo|bow|harmony|score|rehearsal"
            "|flute|echo",
            "plays|follows|repeats|fills|answers|leads|tunes|slows|opens|joins|carries|softens",
            "low|quiet|major|sharp|slow|old|lively|minor|deep|simple|rich|solemn",
        ),
        "workshop": Topic(
            "wood|tool|plank|joint|hammer|carpenter|bench|nail|saw|glue|frame|grain|chisel|drawer|plane|varnish|hinge|corner|shelf"
            "|splinter",
            "fits|shapes|supports|splits|smooths|joins|marks|holds|bends|sands|cuts|measures",
            "square|hard|flat|loose|strong|thick|light|solid|rough|straight|polished|hollow",
        ),
        "geology": Topic(
            "rock|river|layer|mineral|valley|glacier|sand|stone|mountain|crystal|fault|clay|cave|spring|slope|basin|ridge|fossil"
            "|lava|delta",
            "contains|erodes|covers|forms|crosses|carries|exposes|fills|shapes|cools|deposits|dissolves",
            "volcanic|old|steep|hard|porous|deep|buried|fine|broken|dense|folded|shallow",
        ),
    },
)

GERMAN = Language(
    "de",
    "der|dieser|jeder|ein|der|kein|unser|der alte|mein",
    "den|einen|den|diesen|keinen|unseren|den neuen",
    "in dem|bei dem|mit dem|von dem|unter dem|auf dem|vor einem|zu jedem",
    "im Winter|am Abend|seit vielen Jahren|mit großer Sorgfalt|ohne Eile|in der Regel|bis heute|manchmal|nach kurzer Zeit|früher",
    "ber|dorf|feld|grün|hof|kirch|lau|mühl|neu|rot|stein|tal|wald|brück",
    (
        "S V O",
        "S V O A",
        "A V S O",
        "S V O , und S V O",
        "S V O , aber nicht immer A",
        "Man sagt , dass S O V",
        "S ist N und sehr N",
        "Wenn S O V , ist S N",
    ),
    {
        "alltag": Topic(
            "Weg|Tisch|Garten|Fluss|Berg|Wagen|Lehrer|Brief|Markt|Hund|Wald|Stuhl|Nachbar|Schlüssel|Zug|Koch|Baum|Turm|Hafen|Bach",
            "sieht|findet|braucht|kennt|sucht|verlässt|öffnet|trägt|hört|bringt|verkauft|beschreibt",
            "ruhig|alt|schön|klein|wichtig|müde|hell|schwer|bekannt|freundlich|kühl|fleißig",
        )
    },
)

SPANISH = Language(
    "es",
    "el|un|este|cada|el|ningún|nuestro|aquel",
    "el|un|su|otro|el mismo|aquel|mi",
    "en el|cerca del|con el|desde el|bajo el|sobre un|detrás del|hacia el",
    "en invierno|por la mañana|desde hace muchos años|con mucho cuidado|sin prisa|a veces|hasta hoy|por lo general",
    "bar|cal|del|lo|mon|na|ra|sal|ter|val|vi|za",
    (
        "S V O",
        "S V O A",
        "A , S V O",
        "S V O , y S V O",
        "S V O , pero S no V O",
        "Se dice que S V O A",
        "S es N y muy N",
        "Cuando S V O , S V O",
    ),
    {
        "vida": Topic(
            "camino|río|jardín|libro|pueblo|barco|mercado|perro|árbol|tren|maestro|vecino|puente|bosque|pan|viento|campo|puerto|cuadro",
            "encuentra|necesita|mira|conoce|busca|abre|lleva|escucha|trae|vende|describe|recuerda",
            "tranquilo|viejo|hermoso|pequeño|importante|claro|pesado|conocido|amable|fresco|largo|antiguo",
        )
    },
)

NAVIGATION = (
    "Home | About | Contact | Archive",
    "Skip to main content",
    "Menu",
    "Log in",
    "Sign up",
    "Search",
    "Home > News > Articles",
    "Share on social media",
    "Print this page",
    "Follow us",
)
BANNERS = (
    "We use cookies to improve your experience. By continuing to browse you accept our cookie policy.",
    "Please enable JavaScript in your browser to view all features of this site",
    "Subscribe to our newsletter and never miss an update",
    "Accept all cookies",
    "Manage preferences",
    "This website uses cookies for statistics and advertising",
)
FOOTERS = (
    "All rights reserved",
    "Terms of use",
    "Privacy policy",
    "Read more",
    "Related articles",
    "Previous | Next",
    "Back to top",
    "Leave a comment",
    "0 comments",
    "Powered by a content system",
)
SALES = (
    "buy cheap {} online",
    "best {} deals 2024",
    "free {} download",
    "click here for {}",
    "top 10 {} reviews",
    "{} discount code",
    "order {} now and save",
    "the lowest {} price",
)
OFFERS = (
    "watches",
    "handbags",
    "casino bonus",
    "weight loss pills",
    "payday loans",
    "replica shoes",
    "essay writing",
    "car insurance",
    "hair growth",
    "web hosting",
)
GIVEN = ("Alba", "Bruno", "Clara", "Dario", "Edda", "Felix", "Greta", "Hugo", "Iris", "Jonas", "Karla", "Leo", "Mira", "Nils")
FAMILY = ("Adler", "Brandt", "Castell", "Dorn", "Ekholm", "Farrow", "Gant", "Holt", "Ivers", "Juhl", "Kestrel", "Lund", "Marsh")
