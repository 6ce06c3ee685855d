"""The words in class names, ids and roles that say what a part of a page is for, and the automaton that finds them.

Each line of GROUPS is one bit of a mask; its words are looked for anywhere in the name, in any case. A hyphen stands for whatever
is no letter, and for both ends. What a group means is not said here: the weights are learned.
"""

# ruff: noqa: SIM905 (names read better as words than as a list)
from __future__ import annotations

from collections import deque

import numpy as np

from tamis.kernels.blocks import Words

GROUPS = """
article|artikel|articulo
body|bodytext
content|inhalt|contenido|contenu
entry|hentry
main
post|posting|beitrag
text|texte|texto
story
blog
page
-column|col-|colm
section|sektion
paragraph|-para-
comment|kommentar|komment|discuss|disqus|respond|repl
sidebar|side-bar|-aside|rightcol|rechts|marginal|-rail|sidecol|secondary
foot
-nav|menu|navbar|navi
breadcrumb|bread-|-path-
share|sharing|addthis|sharedaddy
social|facebook|twitter|whatsapp|pinterest
relat|similar|verwandt|more-|-also|outbrain|taboola|recommend|ligatus|crp-
promo|sponsor|advert|anzeige|-ad-|-ads-|banner|werbung|-adv-|dfp-
cookie|consent|gdpr|privacy
newsletter|subscri|signup|abo-|-optin
widget
meta|info
author|-autor|byline|-bio-|vcard
date|-time|publish|datum
tag-|tags|categor|keyword|label|topic
caption|credit|bildunter|image|photo|figure|media|gallery|picture|-img
popup|modal|overlay|lightbox|tooltip
login|register|account|signin
search|suche
pagin|-pager|-prev|-next
print|toolbar|tool|action|button|-btn
header|masthead
head-|heading|headline|title|titel
logo|brand|site-
teaser|excerpt|preview|card|-tile|-item
intro|-lead|summary|vorspann|standfirst|subtitle|abstract|-dek-|chapo|deck
copyright|legal|license|imprint|impressum
hide|hidden|invisible|-none-|screenreader|sr-only|visuallyhidden|noprint|printonly|noscreen
-list|liste
quote|pullquote
code|highlight|syntax
table|toc|contents
forum|thread|message|topic
vote|rating|rate|score|like
latest|popular|trend|most-|recent|top-
contact|address|adresse
slide|carousel|swiper
note|alert|warning|notice|error
footnote|reference|citation|-ref
product|price|shop|cart|buy
recipe|ingredient|instruction|zutat
wp-|drupal|node
wrap|container|-inner
live|video|player|audio
skip|jump|anchor
download|attach|-file
inline|embed
read-|weiter|lire
articlebody|entry-content|post-content|storytext|article-text|postbody|article-body|article__body|post-body|entrytext|story-body|articletext
""".split()


def automaton() -> Words:
    """Aho and Corasick's automaton (1975) over the words of GROUPS."""
    children: list[dict[int, int]] = [{}]
    masks = [0]
    for bit, group in enumerate(GROUPS):
        for word in group.split("|"):
            state = 0
            for letter in word:
                symbol = 0 if letter in "-_" else ord(letter) - 96
                if symbol not in children[state]:
                    children[state][symbol] = len(children)
                    children.append({})
                    masks.append(0)
                state = children[state][symbol]
            masks[state] |= 1 << bit
    step = np.zeros((len(children), 27), np.int64)
    fallback = [0] * len(children)
    queue = deque([0])
    while queue:
        state = queue.popleft()
        masks[state] |= masks[fallback[state]]
        for symbol in range(27):
            longer = int(step[fallback[state], symbol]) if state else 0
            child = children[state].get(symbol)
            step[state, symbol] = longer if child is None else child
            if child is not None:
                fallback[child] = longer
                queue.append(child)
    return Words(step, np.array(masks, np.uint64))
