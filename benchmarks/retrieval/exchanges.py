"""What the people of the set say, and what is asked about it later.

Each exchange is written by hand, its questions too: they ask in other words than those of the
answer, as somebody does who has forgotten how it was put. `{name}` and its like are filled in from
a seed, so that the same exchange stands in the set several times, about other people and things, and
only the right one counts. The message that answers is marked with a star.
"""

from __future__ import annotations

from typing import NamedTuple


class Exchange(NamedTuple):
    language: str
    said: tuple[str, ...]
    questions: tuple[str, ...]


FILLINGS: dict[str, tuple[str, ...]] = {
    "name": ("Maria", "Tobias", "Aiko", "Priya", "Omar", "Ingrid", "Diego", "Chloe", "Yusuf", "Hannah", "Kofi", "Elena"),
    "city": ("Lisbon", "Porto", "Hamburg", "Osaka", "Lagos", "Bergen", "Quito", "Lyon", "Izmir", "Leeds", "Accra", "Split"),
    "thing": ("kettle", "bicycle", "violin", "tent", "printer", "sofa", "drone", "lamp", "canoe", "oven", "camera", "ladder"),
    "animal": ("parrot", "tortoise", "spaniel", "hamster", "gecko", "pony", "ferret", "rabbit", "goldfish", "kitten"),
    "service": ("billing", "ledger", "gateway", "mailer", "indexer", "scheduler", "uploader", "thumbnailer", "relay"),
    "food": ("lentils", "dumplings", "paella", "ramen", "goulash", "falafel", "gnocchi", "pierogi", "tagine", "ceviche"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "count": tuple(str(number) for number in range(12, 98)),
    "stadt": ("Bremen", "Kassel", "Graz", "Erfurt", "Basel", "Ulm", "Mainz", "Linz"),
    "ciudad": ("Sevilla", "Bilbao", "Rosario", "Cuenca", "Murcia", "Cusco"),
    "ville": ("Nantes", "Dijon", "Namur", "Lille", "Brest", "Tours"),
    "城": ("东京", "成都", "西安", "杭州", "厦门", "哈尔滨"),
    "人": ("小王", "李老师", "阿明", "张医生", "表姐", "房东"),
    "町": ("札幌", "金沢", "那覇", "仙台", "神戸"),
    "город": ("Казань", "Томск", "Псков", "Тверь", "Самара"),
}  # fmt: skip

EXCHANGES = (
    Exchange("en", ("Did {name} ever hear back about the residence permit?", "*It came through on {day}, she can stay for three more years.", "What a relief."),
        ("When was {name}'s permit granted?", "for how long may {name} remain with her new residence papers")),
    Exchange("en", ("I'm thinking about what to bring to {name}'s party in {city}.", "*He cannot have anything with nuts, remember last time?", "Right, then I'll make {food}."),
        ("What is {name} allergic to?", "which ingredient is a problem at the party for {name}")),
    Exchange("en", ("The {thing} I bought in {city} stopped working.", "Is it still under warranty?", "*They will swap it for a new one if I mail it by {day}."),
        ("What did the shop offer for the broken {thing}?", "until when must the {thing} from {city} be sent back")),
    Exchange("en", ("{name} finally picked a pet.", "Which one?", "*A {animal}, it sleeps in a shoebox next to the radiator."),
        ("Where does {name}'s {animal} spend the night?", "what kind of pets did {name} choose")),
    Exchange("en", ("Why is the {service} service slow since {day}?", "*The connection pool was capped at {count}; every request queues behind the nightly export.", "Raise it then."),
        ("What was the root cause of the {service} slowness?", "how large was the {service} pool when requests were waiting")),
    Exchange("en", ("deploy of {service} failed again", "*Rolled back: the migration needs a lock that the worker never lets go.", "ok we retry at night"),
        ("why did deploying {service} not succeed", "What did we undo after the {service} release broke?")),
    Exchange("en", ("How long is the drive from here to {city}?", "*A good {count} minutes if you skip the tunnel."),
        ("How much time does it take to get to {city} by car?",)),
    Exchange("en", ("We should settle where to meet {name} in {city}.", "*Under the clock at the old station, quarter to nine.", "I'll tell {name}."),
        ("What is the meeting point with {name}?", "where and when are we seeing {name} in {city}")),
    Exchange("en", ("Remind me, what does {name} do these days?", "*She left the bank and restores {thing}s in a small workshop near {city}."),
        ("What is {name}'s job now?", "who gave up banking to repair {thing}s")),
    Exchange("en", ("I keep forgetting the recipe for the {food}.", "*Soak them overnight, then {count} grams of butter and no salt until the very end."),
        ("How do I prepare {food}?", "amount of butter in the {food} recipes")),
    Exchange("en", ("{name} is moving out of the flat in {city}.", "Who takes over the rent?", "*Her cousin, starting on the first; the deposit stays with the landlord."),
        ("Who is the next tenant after {name}?", "what happens to the deposit for the {city} flat when {name} moves")),
    Exchange("en", ("The doctor called about {name}'s knee.", "*Nothing is torn, only rest and ice for {count} days.", "No surgery, good."),
        ("What was the diagnosis for {name}'s knees?", "how many days should {name} rest")),
    Exchange("en", ("Which train did you book to {city}?", "*The late one, coach {count}, because the early one had no window seats."),
        ("Why didn't we take the morning train to {city}?", "which coach is our {city} booking in")),
    Exchange("en", ("What should the {service} API return on a duplicate?", "*Same body and a 200; a conflict would make their client give up.", "Agreed."),
        ("Which status code did we choose for duplicates in {service}?", "what happens when the {service} API gets the same request twice")),
    Exchange("en", ("{name} wants to learn the {thing} repair trade, is that realistic?", "*With an evening course in {city} she could finish within two winters."),
        ("How long would {name}'s training take?",)),
    Exchange("en", ("I lost the password for the {service} dashboard.", "*{name} keeps the spare key in the blue folder, second drawer."),
        ("Who can get me into the {service} dashboard?", "where is the backup credential for {service}")),
    Exchange("en", ("The garden of {name} looked sad.", "*Slugs ate everything but the rosemary; copper tape helped after {day}."),
        ("What destroyed the plants in {name}'s garden?", "how did {name} protect the garden")),
    Exchange("en", ("{name}'s flight from {city} was cancelled.", "*They put her into a hotel and she lands {day} at noon.", "I'll pick her up."),
        ("When does {name} arrive?", "what did the airline do for {name} after cancelling the flight from {city}")),
    Exchange("en", ("Anything left to fix in the {service} tests?", "*Only the flaky one: it compares clocks of two machines.", "Use a fake clock."),
        ("Which {service} test is unreliable and why?",)),
    Exchange("en", ("Did {name} like the {thing}?", "*Not really, he exchanged it for a {animal} cage."),
        ("What did {name} get instead of the {thing}?",)),
    Exchange("de", ("Hat {name} die Wohnung in {stadt} bekommen?", "*Ja, der Vertrag liegt zum Unterschreiben beim Makler, einziehen kann sie im März.", "Wie schön."),
        ("Wann darf {name} in die neue Wohnung?", "wo ist der Mietvertrag für {stadt}")),
    Exchange("de", ("Wie war die Prüfung in {stadt}?", "*Bestanden, aber nur knapp: {count} Punkte hätten gereicht.", "Glückwunsch!"),
        ("Wie ist die Prüfung von {stadt} ausgegangen?",)),
    Exchange("de", ("Wir müssen noch über das Auto von {name} reden.", "*Die Werkstatt sagt, die Kupplung hält keine hundert Kilometer mehr."),
        ("Was ist an {name}s Auto kaputt?", "welches Teil hat die Werkstätte bei {name} bemängelt")),
    Exchange("es", ("¿Qué tal la reunión con {name} en {ciudad}?", "*Aceptó bajar el precio si firmamos antes del {count}.", "Perfecto."),
        ("¿Qué condición puso {name} para el descuento?", "acuerdo de las reuniones de {ciudad}")),
    Exchange("es", ("¿Encontraste médico en {ciudad}?", "*Sí, una doctora cerca del mercado; atiende sin cita los jueves."),
        ("¿Dónde está la médica de {ciudad}?",)),
    Exchange("fr", ("Tu as réservé pour {ville} ?", "*Oui, une chambre sous les toits, le petit-déjeuner est compris.", "Super."),
        ("Quel logement avons-nous réservé à {ville} ?", "repas inclus dans la reservation de {ville}")),
    Exchange("fr", ("Que voulait {name} hier soir ?", "*Emprunter la remorque pour déménager ses ruches."),
        ("Pourquoi {name} est-il passé hier ?", "a quoi devait servir la remorque de {name}")),
    Exchange("zh", ("{人}说什么时候去{城}？", "*下个月初，机票已经买好了，住在湖边的民宿。", "太好了"),
        ("{人}去{城}住哪里？", "{人}去{城}的机票订了吗")),
    Exchange("zh", ("{人}的病好了吗？", "*医生让他休息{count}天，不能喝酒。", "知道了"),
        ("医生对{人}有什么建议", "{人}需要休息几天？")),
    Exchange("ja", ("{町}の会議は何時からですか", "*午後三時に変更になりました。資料は前日に送ります。", "了解です"),
        ("{町}の会議はいつ始まる？", "{町}会議の資料はどうなる")),
    Exchange("ru", ("Как прошла поездка в {город}?", "*Поезд опоздал на {count} минут, зато гостиница оказалась у самой реки."),
        ("Где мы жили во время поездки: {город}?", "насколько опоздали поезда, {город}")),
)  # fmt: skip

CHATTER = {
    "en": ("Good morning!", "Thanks, that helps.", "Let me think about it and come back to you.", "Can you say that in fewer words?", "Sounds good to me.", "I will look at it after lunch.", "What else is on the list for {day}?", "Not sure, what do you think about the {thing}?", "Here is a first draft, tell me what to change.", "{name} says hello, by the way.", "It rained all day in {city}.", "The {service} build is green.", "We could have {food} tonight.", "Please remind me on {day}.", "I read about a {animal} in the paper today."),
    "de": ("Guten Morgen!", "Danke, das hilft mir.", "Ich schaue es mir nach dem Essen an.", "Was meinst du dazu?", "In {stadt} hat es geregnet.", "Grüße von {name}."),
    "es": ("¡Buenos días!", "Gracias, me sirve.", "Lo miro después de comer.", "Hoy llovió en {ciudad}.", "Saludos de {name}."),
    "fr": ("Bonjour !", "Merci, ça m'aide.", "Je regarde après le déjeuner.", "Il pleut à {ville}.", "{name} te salue."),
    "zh": ("早上好！", "谢谢，这很有帮助。", "我午饭后再看。", "今天{城}下雨了。", "{人}向你问好。"),
    "ja": ("おはようございます", "ありがとうございます、助かります", "昼食の後で見ます", "{町}は雨でした"),
    "ru": ("Доброе утро!", "Спасибо, это помогает.", "Посмотрю после обеда.", "{город}: весь день дождь."),
}  # fmt: skip
